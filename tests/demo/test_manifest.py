"""The demo's manifest is one a user could write, for every router, and each version of it is a revision."""

import pytest

from serin.api.intent import intent_of
from serin.domain.intent import Intent, RouterKind
from tests.cluster.modelserver.environment import IMAGE
from tests.demo.models import MANIFEST, deployment
from tests.demo.there import Parent, manifest

OURS = MANIFEST.read_text()


def intent(version: str, text: str = OURS) -> Intent:
    found = intent_of(deployment(version, text))
    assert isinstance(found, Intent), found
    return found


def test_each_version_is_a_revision_of_its_own() -> None:
    versions = [intent(version) for version in "123"]

    assert [one.version for one in versions] == ["1", "2", "3"]
    assert len({one.revision.hash for one in versions}) == 3


def test_the_image_is_the_one_that_the_node_knows() -> None:
    (container,) = deployment("1", OURS)["spec"]["template"]["spec"]["containers"]

    assert container["image"] == IMAGE


@pytest.mark.parametrize(
    ("parent", "router"),
    [(None, RouterKind.REPLICAS), (Parent("edge", "web", "http://web"), RouterKind.GATEWAY_API)],
)
def test_another_cluster_gets_a_manifest_for_its_router(parent: Parent | None, router: RouterKind) -> None:
    traffic = intent("2", manifest(parent)).traffic

    assert traffic.router is router
    parents = traffic.gateway.parent_refs if traffic.gateway else ()
    assert [(one["namespace"], one["name"]) for one in parents] == ([("edge", "web")] if parent else [])
