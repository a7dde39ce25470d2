"""What the real API server says to all that the chart and `manifests/` hold: strictly, to the last field.

A dry run each, so nothing is left behind but the Prometheus operator's CRDs.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from serin.api.intent import intent_of
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from tests.chart import monitoring
from tests.chart.manifests import FOLDER
from tests.chart.rendering import CASES, objects, rendered
from tests.cluster.api import Api, ApiError
from tests.cluster.cluster import Cluster
from tests.cluster.resources import Object

SAMPLES: Final = sorted((FOLDER / "samples").rglob("*.yaml"))
AT_ONCE: Final = 16


async def refusal(api: Api, body: Object, namespace: str) -> str | None:
    """What the server has against an object, in this namespace whatever it names."""
    resource = await api.resource(body["apiVersion"], body["kind"])
    place = namespace if resource.namespaced else None
    metadata = {**body["metadata"], **({"namespace": place} if place else {})}
    if body["kind"] == "Pod":
        # Its own account is made by the release; a pod of one that is missing is refused for that.
        body = {**body, "spec": {**body["spec"], "serviceAccountName": "default"}}
    params = {"fieldManager": "tests", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
    try:
        await api.request(
            "PATCH",
            resource.path(place, body["metadata"]["name"]),
            {**body, "metadata": metadata},
            params=params,
            media="application/apply-patch+yaml",
        )
    except ApiError as error:
        return f"{body['kind']} {body['metadata']['name']}: {error}"
    return None


async def refusals(api: Api, bodies: list[Object], namespace: str) -> list[str]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(body: Object) -> str | None:
        async with turns:
            return await refusal(api, body, namespace)

    return [said for said in await asyncio.gather(*map(one, bodies)) if said]


async def test_the_server_takes_all_that_the_chart_makes(cluster: Cluster, namespace: str) -> None:
    await cluster.install(*monitoring.definitions())
    texts = await asyncio.gather(*(asyncio.to_thread(rendered, case) for case in CASES))
    bodies = {str(body): body for text in texts for body in objects(text)}

    assert await refusals(cluster.api, list(bodies.values()), namespace) == []


async def test_the_server_takes_the_components_and_samples(cluster: Cluster, namespace: str) -> None:
    await cluster.install(*monitoring.definitions())
    files = [*sorted((FOLDER / "components").glob("*/[!k]*.yaml")), *SAMPLES]

    bodies = [body for file in files for body in objects(file.read_text())]

    assert await refusals(cluster.api, bodies, namespace) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=[str(path.relative_to(FOLDER)) for path in SAMPLES])
def test_each_sample_means_something(sample: Path) -> None:
    [body] = objects(sample.read_text())

    assert isinstance(intent_of(body), Intent)


def test_there_is_a_sample_of_every_runtime() -> None:
    made = [intent_of(body) for sample in SAMPLES for body in objects(sample.read_text())]

    shown = {one.revision.runtime for one in made if isinstance(one, Intent)}
    assert shown == set(builtin().runtimes)
    names = [body["metadata"]["name"] for sample in SAMPLES for body in objects(sample.read_text())]
    assert len(names) == len(set(names))
