"""The Lua that Argo CD is configured with, run as Argo CD runs it, on recorded objects."""

from copy import deepcopy
from typing import Any, Final

import pytest
import yaml

from tests.cluster.resources import Object
from tests.gitops.generated import ACTIONS, ACTIONS_KEY, HEALTH_KEY, TARGET, config_map, script
from tests.gitops.merging import merge_patch
from tests.gitops.normal import recorded
from tests.gitops.program import Question, ask, asked

OBJECTS: Final = recorded()
OFFERED: Final = {
    "unseen": set[str](),
    "deploying": {"abort", "pause"},
    "ready": set[str](),
    "preparing": {"promote", "promote-full", "abort", "pause"},
    "awaiting-promotion": {"promote", "promote-full", "abort", "pause"},
    "awaiting-gate": {"promote", "promote-full", "abort", "pause"},
    "paused": {"promote", "promote-full", "abort", "resume"},
    "promoting": {"abort", "pause"},
    "baking": {"abort", "pause"},
    "baking-paused": {"abort", "resume"},
    "rolling-back": set[str](),
    "aborted": {"retry"},
    "harmed": {"retry"},
    "crashed": {"retry"},
    "reverted": set[str](),
    "aborted-at-first": {"retry"},
}
"""The actions that are not greyed out, by state."""


def test_the_config_map_has_the_files_as_they_are() -> None:
    assert TARGET.read_text(encoding="utf-8") == config_map()


def test_argo_cd_reads_each_script_out_of_the_config_map() -> None:
    data = yaml.safe_load(TARGET.read_text(encoding="utf-8"))["data"]
    actions = yaml.safe_load(data[ACTIONS_KEY])

    assert data[HEALTH_KEY] == script("health.lua")
    assert actions["discovery.lua"] == script("actions/discovery.lua")
    found = {one["name"]: one["action.lua"] for one in actions["definitions"]}
    assert found == {name: script(f"actions/{name}.lua") for name in ACTIONS}


@pytest.mark.parametrize("state", OFFERED)
def test_only_actions_that_do_something_are_offered(state: str) -> None:
    said = ask(Question(reader="argo-lua", object=OBJECTS[state], script=script("actions/discovery.lua")))

    assert said.value.keys() == set(ACTIONS)
    assert {name for name, one in said.value.items() if not one["disabled"]} == OFFERED[state]


def patched(state: str, action: str) -> Any:
    """The merge patch that Argo CD sends for an action."""
    said = ask(Question(reader="argo-lua", object=OBJECTS[state], script=script(f"actions/{action}.lua")))
    return merge_patch(OBJECTS[state], said.value)


def attempt_in(state: str) -> str:
    found: str = OBJECTS[state]["status"]["rollout"]["attempt"]
    return found


def annotated(**words: str | None) -> Object:
    return {"metadata": {"annotations": {f"serin.dev/{word}": value for word, value in words.items()}}}


def test_a_promotion_names_attempt_and_step() -> None:
    attempt = attempt_in("awaiting-promotion")

    assert patched("awaiting-promotion", "promote") == annotated(promote=f"{attempt}:to-50")
    assert patched("preparing", "promote") == annotated(promote=f"{attempt_in('preparing')}:to-20")
    assert patched("awaiting-promotion", "promote-full") == annotated(promote=f"{attempt}:full")


@pytest.mark.parametrize(("action", "word"), [("abort", "abort"), ("pause", "pause")])
def test_a_request_names_the_attempt_and_changes_nothing_else(action: str, word: str) -> None:
    """Empty maps of the spec, such as a step's `pause`, are not made lists on the way through Lua."""
    attempt = attempt_in("awaiting-promotion")

    assert patched("awaiting-promotion", action) == annotated(**{word: attempt})


def test_a_retry_names_the_attempt_that_was_rejected() -> None:
    [rejected] = OBJECTS["crashed"]["status"]["rejected"]

    assert patched("crashed", "retry") == annotated(retry=rejected["attempt"])


def test_to_resume_removes_the_pause() -> None:
    assert patched("paused", "resume") == annotated(pause=None)


@pytest.mark.parametrize("state", ["ready", "awaiting-promotion", "aborted"])
def test_no_object_of_any_kind_breaks_the_scripts(state: str) -> None:
    """Argo CD shows a script's error in place of the health, so a status that is half there is waited for."""
    broken = [body for body in halves(OBJECTS[state]) if "metadata" in body]
    questions = [
        Question(reader="argo-lua", object=body, script=script(name))
        for body in broken
        for name in ("health.lua", "actions/discovery.lua")
    ]

    for answer in asked(questions)[::2]:
        assert answer.status in {"Healthy", "Progressing", "Suspended", "Degraded"}


def halves(body: Object) -> list[Object]:
    """The object without any one of the fields that the scripts read."""
    made = []
    for path in (
        ["status"],
        ["metadata", "annotations"],
        ["metadata", "generation"],
        *(["status", key] for key in body["status"]),
        *(["status", "rollout", key] for key in body["status"].get("rollout", {})),
        *(["status", "conditions", index] for index in range(len(body["status"]["conditions"]))),
        *(["status", "conditions", 0, key] for key in ("type", "status", "reason", "message")),
    ):
        copy: Any = deepcopy(body)
        inner = copy
        for key in path[:-1]:
            inner = inner[key] if isinstance(inner, list) else inner.setdefault(key, {})
        if isinstance(inner, list) or path[-1] in inner:
            del inner[path[-1]]
        made.append(copy)
    return made
