"""What of an object is Serin's, told from managedFields: our own writes, and edits by somebody else."""

import pytest

from serin.domain.names import Key
from serin.runtime.ownership import ownership
from serin.runtime.projections import Object
from serin.runtime.store import Store
from tests.unit.runtime.objects import deployment


def applied(
    version: int, *annotations: str, spec: tuple[str, ...] = ("replicas", "selector", "template")
) -> Object:
    """A Deployment as it is after an apply of ours."""
    names = ("serin.dev/content", *annotations)
    obj: Object = deployment(version=version)
    fields = {
        "f:metadata": {"f:annotations": {f"f:{name}": {} for name in names}},
        "f:spec": {f"f:{name}": {} for name in spec},
    }
    entry = {"manager": "serin", "operation": "Apply", "fieldsV1": fields}
    made = {**obj["metadata"], "annotations": dict.fromkeys(names, "same"), "managedFields": [entry]}
    return {**obj, "metadata": made}


def foreign(store: Store) -> bool:
    (view,) = store.observed(Key("ml", "fraud")).workloads.values()
    return view.identity.foreign


@pytest.mark.parametrize("added", ["serin.dev/epoch", "serin.dev/rejected"])
def test_a_write_that_is_shown_before_its_answer_is_no_edit(added: str) -> None:
    store = Store()
    store.remember("Deployment", applied(1))

    store.observe("Deployment", {"type": "MODIFIED", "object": applied(2, added)})
    store.observe("Deployment", {"type": "MODIFIED", "object": applied(3, added)})
    store.remember("Deployment", applied(2, added))

    assert not foreign(store)


def test_a_field_that_was_taken_is_an_edit() -> None:
    store = Store()
    store.remember("Deployment", applied(1))

    store.observe("Deployment", {"type": "MODIFIED", "object": applied(2, spec=("selector", "template"))})

    assert foreign(store)


def test_what_is_no_annotation_of_ours_counts() -> None:
    assert ownership(applied(1)["metadata"]) != ownership(applied(1, "serin.dev/other")["metadata"])
