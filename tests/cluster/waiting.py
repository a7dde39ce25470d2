"""Waiting for a condition with a deadline, and showing what was last seen when it does not come."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import yaml

T = TypeVar("T")

LOOK_EVERY_SECONDS = 0.05
ROUNDS: Final = 3
PATIENT: Final = 300.0
"""For what is no promise, on a machine that does much else: a wait ends as soon as its condition holds."""
PROBE_TIMEOUT: Final = 30
"""Seconds: a machine that stands still for a moment is no fault of a pod."""


async def rounds_until(
    one_round: Callable[[int], Awaitable[T]], holds: Callable[[T], object] = bool, *, most: int = ROUNDS
) -> list[T]:
    """What rounds came to, each told its number from 0: until one held, or as many as there may be.

    For what is promised in seconds, and missed by a machine that stands still meanwhile.
    """
    found: list[T] = []
    while len(found) < most and not any(map(holds, found)):
        found.append(await one_round(len(found)))
    return found


class NotInTime(AssertionError):
    """What a test waited for did not come; the text ends with what was last seen."""


def shown(seen: object) -> str:
    """What was seen, as a person reads it: objects as YAML without the noise of managedFields."""
    return (
        yaml.safe_dump(_quiet(seen), sort_keys=False, width=110)
        if isinstance(seen, dict | list)
        else repr(seen)
    )


def _quiet(value: object) -> object:
    match value:
        case dict():
            return {key: _quiet(item) for key, item in value.items() if key != "managedFields"}
        case list():
            return [_quiet(item) for item in value]
        case str() | int() | float() | None:
            return value
    return repr(value)


async def until(
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], object] = bool,
    *,
    within: float = PATIENT,
    what: str = "the condition",
) -> T:
    """Look again and again until what is seen holds; returns it.

    `within` is in seconds. Raises NotInTime, with what was last seen and `what` was waited for; exceptions of
    `look` are passed on.
    """
    deadline = asyncio.get_running_loop().time() + within
    while True:
        seen = await look()
        if holds(seen):
            return seen
        if asyncio.get_running_loop().time() > deadline:
            raise NotInTime(f"{what} did not come within {within:g} s; last seen:\n{shown(seen)}")
        await asyncio.sleep(LOOK_EVERY_SECONDS)
