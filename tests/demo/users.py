"""The people who ask: each has a flower, and asks about it at a steady pace, never twice for one answer."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.traffic import Results, Traffic, revision_by_model_version
from tests.cluster.waiting import until
from tests.demo.models import NAME, Flower

PER_SECOND: Final = 80
EACH: Final = 5
"""Every so manieth flower of the data set has somebody who asks about it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the model is asked."""

    url: str
    host: str = ""


@dataclass(slots=True)
class Tally:
    """The requests answered so far; `by_version` counts answers that name the model's version."""

    sent: int = 0
    failed: int = 0
    by_version: Counter[str | None] = field(default_factory=Counter)


class Users:
    """Traffic from all users together: `async with Users(address, flowers) as users`."""

    def __init__(
        self, address: Address, flowers: Sequence[Flower], *, per_second: float = PER_SECOND
    ) -> None:
        chosen = flowers[::EACH]
        self._pause = 1 / per_second
        self._traffic = [
            Traffic(
                f"{address.url}/v2/models/{NAME}/infer",
                host=address.host,
                per_second=per_second / len(chosen),
                body=question(flower),
                revision_of=revision_by_model_version,
                seed=seed,
            )
            for seed, flower in enumerate(chosen)
        ]
        self._counted = [0] * len(chosen)
        self._tally = Tally()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for one in self._traffic:
            await self._stack.enter_async_context(one)
            # One after another over one period, so that questions come evenly and not all at once.
            await asyncio.sleep(self._pause)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def stop(self) -> Results:
        """Ask no more; returns everything that was asked, in order of time."""
        await asyncio.gather(*(one.stop() for one in self._traffic))
        return self.results

    @property
    def results(self) -> Results:
        """Every request answered so far, in order of time."""
        together = (sent for one in self._traffic for sent in one.results.sent)
        return Results(sorted(together, key=lambda sent: sent.at))

    def tally(self) -> Tally:
        """The count of what was answered; cheap, only what is new is looked at."""
        for number, one in enumerate(self._traffic):
            for sent in one.results.sent[self._counted[number] :]:
                self._counted[number] += 1
                self._tally.sent += 1
                self._tally.failed += sent.lost
                self._tally.by_version[sent.revision] += 1
        return self._tally


def question(flower: Flower) -> object:
    """An inference request of the Open Inference Protocol."""
    return {"inputs": [{"name": "flower", "shape": [1, 4], "datatype": "FP64", "data": flower}]}


async def until_answered(address: Address, flower: Flower) -> None:
    """Wait until the model answers: a route takes effect some time after it was accepted."""
    headers = {"Host": address.host} if address.host else {}

    async def look() -> str:
        url = f"{address.url}/v2/models/{NAME}/infer"
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.post(url, json=question(flower)) as answer,
            ):
                return "answered" if answer.ok else f"{answer.status} {(await answer.text())[:200]}"
        except (aiohttp.ClientError, OSError) as error:
            return repr(error)

    await until(look, lambda seen: seen == "answered", what=f"an answer from {address.url}")
