"""Asks Prometheus for the guards of attempts under way, once a scrape interval each.

What is counted is not kept over a restart: a limit that is passed still is found as many intervals later.
Nothing here decides or writes. An answer with warnings lacks part of its sources, and tells nothing. Guards
of one namespace that take long wait for each other, and for nobody else.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from serin.domain.analysis.confined import NotConfinable
from serin.domain.analysis.guards import GuardPolicy, GuardReading, GuardRequest
from serin.domain.analysis.verdict import Verdict
from serin.domain.names import Key
from serin.prom.client import PrometheusError
from serin.prom.values import Values
from serin.runtime.turns import Turns

DISPLAY_SECONDS: Final = 10.0
"""How old the numbers a look sees may get while no guard turns to harm."""
AT_ONCE: Final = 2
"""Queries of one namespace under way at one Prometheus, which answers twenty of everybody's by default."""

logger = logging.getLogger(__name__)


class Prometheus(Protocol):
    """Where numbers come from."""

    async def values(self, expr: str, at: float) -> Values:
        """The numbers an expression yields at a moment. May be repeated.

        Raises:
            PrometheusError: Nothing was learnt.
        """
        ...


@dataclass(slots=True)
class _Watch:
    """The guards of one attempt, and what they have come to."""

    request: GuardRequest
    source: str
    turns: asyncio.Semaphore
    readings: dict[GuardPolicy, GuardReading] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Guarding:
    """The guards of all attempts under way.

    Args:
        changed: Called with the key and the seconds after which a look is due.
        now: Unix seconds.
    """

    def __init__(self, *, changed: Callable[[Key, float], None], now: Callable[[], float]) -> None:
        self.prometheuses: Mapping[str, Prometheus] = {}
        self._changed = changed
        self._now = now
        self._watches: dict[Key, _Watch] = {}
        self._turns: Turns[tuple[str, str]] = Turns(AT_ONCE)

    def follow(self, key: Key, request: GuardRequest, source: str) -> None:
        """Look at an attempt's guards from now on. May be repeated; what has changed counts anew."""
        watch = self._watches.get(key)
        if watch is None or (watch.source, watch.request.attempt) != (source, request.attempt):
            self.forget(key)
            watch = self._watches[key] = _Watch(request, source, self._turns.of((key.namespace, source)))
            watch.task = asyncio.create_task(self._watch(key, watch), name=f"guards {key}")
        watch.request = request

    def forget(self, key: Key) -> None:
        """Look no more. A key that is not followed is none of its business."""
        watch = self._watches.pop(key, None)
        if watch is not None and watch.task is not None:
            watch.task.cancel()

    def readings(self, key: Key) -> tuple[GuardReading, ...]:
        """What the guards have come to."""
        watch = self._watches.get(key)
        return tuple(watch.readings.values()) if watch is not None else ()

    async def close(self) -> None:
        """Forget everything, and wait until no question is under way."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for key in list(self._watches):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, key: Key, watch: _Watch) -> None:
        while True:
            before = _harmful(watch)
            await self._look(key, watch)
            self._changed(key, 0.0 if _harmful(watch) - before else DISPLAY_SECONDS)
            await asyncio.sleep(watch.request.interval)

    async def _look(self, key: Key, watch: _Watch) -> None:
        request = watch.request
        found: dict[GuardPolicy, GuardReading] = {}
        for guard in request.guards:
            known = watch.readings.get(guard, GuardReading(attempt=request.attempt, guard=guard))
            found[guard] = await self._read(key, watch, known)
        watch.readings = found

    async def _read(self, key: Key, watch: _Watch, known: GuardReading) -> GuardReading:
        try:
            prometheus = self.prometheuses[watch.source]
            query = watch.request.query(known.guard)
            async with watch.turns:
                values = await prometheus.values(query, self._now())
        except (PrometheusError, NotConfinable) as error:
            if not known.note:
                fields = {"key": str(key), "guard": known.guard.name, "reason": str(error)}
                logger.warning("guard unreadable", extra=fields)
            return known.without(str(error))
        except Exception:
            logger.exception("guard failed", extra={"key": str(key), "guard": known.guard.name})
            return known.without("the guard could not be read; the operator's log says why")
        if values.warnings:
            return known.without(f"Prometheus warns: {values.warnings[0]}")
        return known.after(values.numbers)


def _harmful(watch: _Watch) -> set[GuardPolicy]:
    return {guard for guard, reading in watch.readings.items() if reading.verdict is Verdict.HARM}
