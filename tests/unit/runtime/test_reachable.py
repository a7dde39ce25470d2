"""A Prometheus that does not answer is named until it has answered once, with what is to be done."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from serin.prom.errors import NotLetIn, PrometheusError, Unreachable
from serin.runtime.reachable import AGAIN_SECONDS, Reachable


class Prometheus:
    """Raises these one after the other, and answers from then on."""

    def __init__(self, *errors: PrometheusError) -> None:
        self._errors: Sequence[PrometheusError] = errors
        self.asked: list[float] = []

    async def ask(self, question: str, at: float) -> None:
        self.asked.append(asyncio.get_running_loop().time())
        if len(self.asked) <= len(self._errors):
            raise self._errors[len(self.asked) - 1]


async def asking(checks: Reachable, *, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await checks.run()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            Unreachable("connection refused"),
            "Prometheus main does not answer, so rollouts it judges hold: connection refused; "
            "see to address and network",
        ),
        (
            NotLetIn("401 Unauthorized"),
            "Prometheus main does not answer, so rollouts it judges hold: 401 Unauthorized; "
            "see to its credentials",
        ),
    ],
)
@pytest.mark.looptime
async def test_who_does_not_answer_is_named_with_the_cure(error: PrometheusError, words: str) -> None:
    checks = Reachable({"main": Prometheus(error).ask, "other": Prometheus().ask})

    await asking(checks, seconds=AGAIN_SECONDS / 2)

    assert checks.note() == words


@pytest.mark.looptime
async def test_it_is_asked_each_minute_until_it_has_answered_and_then_no_more() -> None:
    away = Prometheus(Unreachable("no route"), Unreachable("timed out"))
    checks = Reachable({"main": away.ask})

    await asking(checks, seconds=10 * AGAIN_SECONDS)

    assert away.asked == [0, AGAIN_SECONDS, 2 * AGAIN_SECONDS]
    assert checks.note() is None


@pytest.mark.looptime
async def test_the_newest_reason_is_told() -> None:
    checks = Reachable({"main": Prometheus(Unreachable("no route"), Unreachable("timed out")).ask})

    await asking(checks, seconds=1.5 * AGAIN_SECONDS)

    assert "timed out" in (checks.note() or "")
