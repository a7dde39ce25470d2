"""What is written of records and of the root Service, where the one or the other is missing or edited."""

from dataclasses import replace
from typing import Any

from serin.domain.names import MODEL_LABEL, REVISION_LABEL
from serin.domain.observed import Observed
from tests.search.observing import Observing, template
from tests.search.one_look import HALF, NEW, OLD, ROUTED, observed, planned
from tests.search.scope import Asked, Spec, intent_of


def both() -> Observed:
    """Both revisions, the root Service on the old one."""
    return Observing(intent_of(ROUTED, Spec(NEW, 2), Asked()), reports=True).of(HALF, None)


def misled(seen: Observed) -> Observed:
    """The same with a root Service that somebody has led elsewhere."""
    assert seen.root is not None
    return replace(seen, root=replace(seen.root, selector={"app": "other"}))


def test_the_first_revision_has_number_1() -> None:
    writes = planned(Observed(), {OLD: 2})

    assert writes["ControllerRevision", f"m-{OLD}"].manifest["revision"] == 1


def test_a_new_revision_counts_on_from_the_newest() -> None:
    writes = planned(observed(), {OLD: 2, NEW: 1}, wanted=NEW)

    assert writes["ControllerRevision", f"m-{NEW}"].manifest["revision"] == 2


def test_a_deleted_record_is_made_again_as_it_was() -> None:
    """With its number, and with what its pods were made from, whatever that would be rendered to today."""
    seen = observed()
    lost = replace(seen.revisions[OLD], number=7, data={"template": template(OLD, "of long ago")})

    writes = planned(replace(seen, revisions={}), {OLD: 2}, frozen={OLD: lost})

    made = writes["ControllerRevision", f"m-{OLD}"].manifest
    assert (made["revision"], made["data"]) == (7, lost.data)


def test_the_root_service_is_put_back_together_with_a_lost_record() -> None:
    """The users do not wait for the next look."""
    edited = misled(replace(observed(), revisions={}))

    writes = planned(edited, {OLD: 2})

    selector = writes["Service", "m"].manifest["spec"]["selector"]
    assert selector == {MODEL_LABEL: "m", REVISION_LABEL: OLD}
    assert ("ControllerRevision", f"m-{OLD}") in writes


def test_the_root_service_is_left_to_a_revision_that_nobody_remembers() -> None:
    """Another revision's template would give it ports that its pods do not have."""
    edited = misled(replace(observed(), revisions={}))

    assert ("Service", "m") not in planned(edited, {OLD: 2}, wanted=NEW)


def test_the_root_service_leads_to_the_port_of_whom_it_selects() -> None:
    """Before the promotion is told, too, when the stable revision is another one."""
    seen = both()
    listening = replace(seen.revisions[NEW], data={"template": on_port(9000)})
    seen = replace(seen, revisions={**seen.revisions, NEW: listening})

    writes = planned(seen, {OLD: 2, NEW: 2}, wanted=NEW, root=NEW)

    assert [port["targetPort"] for port in writes["Service", "m"].manifest["spec"]["ports"]] == [9000]


def on_port(number: int) -> dict[str, Any]:
    """A template whose server listens there."""
    container = {"name": "model", "ports": [{"name": "http", "containerPort": number}]}
    return {"spec": {"containers": [container]}}
