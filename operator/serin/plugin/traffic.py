"""Today's traffic of a model: from a person, from Prometheus, or from what the status last counted."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from serin.domain.analysis.counters import Role
from serin.domain.analysis.dispersion import SHORTEST_HISTORY
from serin.domain.analysis.request import Asked, TrialRequest
from serin.domain.intent import Intent
from serin.domain.status import SignalStatus
from serin.plugin.exits import Trouble
from serin.plugin.models import Model
from serin.plugin.needed import Traffic
from serin.prom.client import PrometheusClient, PrometheusError
from serin.prom.connections import connections
from serin.prom.selectors import selector

OVER: Final = "10m"
"""What Prometheus is asked for is the mean of so long."""


def counted(model: Model, now: datetime, *, interval: float) -> Traffic:
    """What the status tells: the counts of the rollout under way, or of the last one."""
    status = model.status
    known = Traffic(interval=interval, settled=_settled(model, now))
    pins = {pin.name: float(pin.phi) for pin in status.rollout.pins} if status.rollout else {}
    told = [one for one in (status.analysis.signals if status.analysis else ()) if one.window]
    if not told:
        return replace(known, phi=pins)
    rates = [rate for one in told if (rate := _rate(one)) is not None]
    return replace(
        known,
        per_second=max(rates, default=None),
        bad={one.name: one.stable.bad / one.stable.events for one in told if one.stable.events},
        phi=pins,
        source=f"as counted {(told[0].window or '').replace('/', ' to ')}",
    )


def _settled(model: Model, now: datetime) -> bool:
    """Whether the stable revision has served long enough to know how much its bad requests vary."""
    since = max((one.finished_at for one in model.status.history), default=model.created)
    return (now - since).total_seconds() >= SHORTEST_HISTORY


def _rate(one: SignalStatus) -> float | None:
    start, _, end = (one.window or "").partition("/")
    try:
        seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except ValueError:
        return None
    return (one.canary.events + one.stable.events) / seconds if seconds > 0 else None


async def measured(intent: Intent, revision: str, address: str, known: Traffic) -> Traffic:
    """What Prometheus tells of a revision's last minutes.

    Raises:
        Trouble: It cannot be asked, or has counted nothing.
    """
    request = _request(intent, revision, known.interval)
    async with connections() as session:
        client = PrometheusClient(session, address)
        try:
            rates = {
                asked.channel: await _per_second(client, asked, request)
                for asked in request.asked()
                if asked.channel.role in (Role.REQUESTS, Role.BAD, Role.WITHIN) and not asked.bounded
            }
        except PrometheusError as error:
            raise Trouble(str(error), "give another address, or --requests-per-second") from error
    by_signal: dict[str, dict[Role, float]] = {}
    for (signal, role), rate in rates.items():
        by_signal.setdefault(signal, {})[role] = rate
    served = {name: found.get(Role.REQUESTS, 0.0) for name, found in by_signal.items()}
    if not any(served.values()):
        cure = "give --requests-per-second, or look at the model's metrics in Prometheus"
        raise Trouble(f"{address} has counted no request on {revision} in the last {OVER}", cure)
    return replace(
        known,
        per_second=max(served.values()),
        bad={name: _bad(found) for name, found in by_signal.items() if served[name]},
        source=f"of the last {OVER}, by {address}",
    )


def _bad(found: Mapping[Role, float]) -> float:
    served = found[Role.REQUESTS]
    bad = found[Role.BAD] if Role.BAD in found else served - found.get(Role.WITHIN, served)
    return min(1.0, max(0.0, bad / served))


async def _per_second(client: PrometheusClient, asked: Asked, request: TrialRequest) -> float:
    answer = await client.values(f"sum(rate({selector(asked, request)}[{OVER}]))", time.time())
    return sum(answer.numbers)


def _request(intent: Intent, revision: str, interval: float) -> TrialRequest:
    """What tells the revision's series from others', as the operator asks for them."""
    return TrialRequest(
        attempt="",
        step=0,
        policy=intent.analysis,
        namespace=intent.key.namespace,
        stable=revision,
        canary=revision,
        pods=(),
        windows=(),
        started=time.time(),
        interval=interval,
        labels=intent.samples.labels,
    )
