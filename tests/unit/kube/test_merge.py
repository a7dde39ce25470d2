"""Merge patches, held to the RFC's own way of applying them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serin.kube.merge import merge_patch

values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def patched(old: Any, patch: Any) -> Any:
    """RFC 7386, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


@given(old=objects, new=objects)
def test_a_patch_turns_the_old_into_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert patched(old, merge_patch(old, new)) == new


@given(same=objects)
def test_equal_objects_need_no_patch(same: dict[str, Any]) -> None:
    assert merge_patch(same, dict(same)) == {}


def test_a_patch_names_only_what_differs() -> None:
    old = {"phase": "Idle", "canary": {"weight": 5, "step": "first"}, "rollout": {"step": 1}}
    new = {"phase": "Idle", "canary": {"weight": 25, "step": "first"}}

    assert merge_patch(old, new) == {"canary": {"weight": 25}, "rollout": None}
