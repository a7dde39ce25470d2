"""A process that judges as the operator does, and says each verdict in full precision.

`python -m tests.truth.judge FILE URL`: the file names the attempts and what is known of their pods; it is
read again when it changes. Each line of output is an assessment. The process may be killed at any time and
started again.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.policy import Counter, Mode, Policy, Promotion, SignalPolicy
from serin.domain.analysis.request import PodTimes, StepWindow, TrialRequest
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key
from serin.prom.client import PrometheusClient
from serin.runtime.poller import Poller
from tests.truth.fleet import NAMESPACE, SCRAPE_SECONDS

LOOK_EVERY_SECONDS: Final = 0.1
STABLE: Final = "fraud-stable"

POST: Final = ("method", "=", "POST")
REQUESTS: Final = Counter(metric="rest_server_requests_total", matchers=(POST,))
SECONDS: Final = "rest_server_request_duration_seconds"
SIGNALS: Final = (
    SignalPolicy(
        name="errors",
        requests=REQUESTS,
        bad=Counter(metric=REQUESTS.metric, matchers=(POST, ("status_code", "=~", "5.."))),
    ),
    SignalPolicy(
        name="fallbacks",
        requests=Counter(metric="app_predictions_total"),
        bad=Counter(metric="app_predictions_total", matchers=(("outcome", "=", "fallback"),)),
    ),
    SignalPolicy(
        name="latency",
        requests=Counter(metric=f"{SECONDS}_count", matchers=(POST,)),
        bad=None,
        within=Counter(metric=f"{SECONDS}_bucket", matchers=(POST,)),
        at_most=0.1,
    ),
    SignalPolicy(
        name="scores",
        requests=Counter(metric="app_score_count"),
        bad=None,
        within=Counter(metric="app_score_bucket"),
        max_shift=0.05,
    ),
)
NEVER: Final = 1e-300
"""So sure of harm nobody can be in half a minute: once it is found, its signal's counts stay as they were."""
POLICY: Final = Policy(
    mode=Mode.ENFORCE,
    max_false_rollback_rate=NEVER,
    warm_up=timedelta(0),
    promotion=Promotion(min_requests=1),
    signals=SIGNALS,
)


def requests_of(told: dict[str, Any]) -> dict[Key, TrialRequest]:
    """The attempts: a canary each, against the one stable revision."""
    opened = StepWindow(step=0, weight=None, written=told["started"], settled=told["started"])
    stable = [PodTimes(name=name, arm=Arm.STABLE, ready=at) for name, at in told["pods"][STABLE].items()]
    return {
        Key(NAMESPACE, canary): TrialRequest(
            attempt=f"{canary}.1",
            step=0,
            policy=POLICY,
            namespace=NAMESPACE,
            stable=STABLE,
            canary=canary,
            pods=(*stable, *(PodTimes(name=name, arm=Arm.CANARY, ready=at) for name, at in pods.items())),
            windows=(opened,),
            started=told["started"],
            interval=SCRAPE_SECONDS,
        )
        for canary, pods in told["pods"].items()
        if canary != STABLE
    }


def _read(file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(file.read_text())
    return told


def say(key: Key, heard: Assessment) -> None:
    print(json.dumps({"at": time.time(), "canary": key.name, **asdict(heard)}), flush=True)


async def judge(file: Path, url: str) -> None:
    """Judge until killed."""
    async with aiohttp.ClientSession() as session:
        poller = Poller({url: PrometheusClient(session, url)}, on_assessment=say, now=time.time)
        known: dict[str, Any] = {}
        while True:
            if (told := _read(file)) != known:
                known = told
                for key, request in requests_of(told).items():
                    poller.follow(key, request, url)
            await asyncio.sleep(LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(judge(Path(sys.argv[1]), sys.argv[2]))
