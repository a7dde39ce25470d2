"""A store with the samples of any number of models, in a process of its own, that speaks Prometheus' API.

Made up as they are asked for, so that it has a thousand models as soon as it runs: every pod is scraped once
an interval at a moment of its own, and its counters grow evenly. `/stats` tells how many queries there were.

    python -m tests.component.many_models PORT BEGIN INTERVAL
"""

import re
import sys
from collections.abc import Iterator
from math import ceil
from typing import Any
from zlib import crc32

from aiohttp import web

STABLE, CANARY = "55d1aa00bb", "7c9faa00bb"
STABLES = 3
NAMESPACES = 50
SERIES: dict[str, list[dict[str, str]]] = {
    "up": [{}],
    "process_start_time_seconds": [{}],
    "requests_total": [{"code": "200"}, {"code": "500"}],
    "seconds_count": [{}],
    "seconds_bucket": [{"le": "0.5"}],
}
GROWTH = {"200": 1500, "500": 15, "0.5": 1490}
"""In an interval, by code or bucket; 1515 requests in all."""


def name(model: int, revision: str) -> str:
    return f"model-{model}-{revision}"


def namespace(model: int) -> str:
    return f"team-{model % NAMESPACES}"


def pods(model: int) -> list[str]:
    """The canary's one and the stable's."""
    stable = [f"{name(model, STABLE)}-6d5f8b9c7d-{pod:05d}" for pod in range(STABLES)]
    return [f"{name(model, CANARY)}-7b8c6d5f9b-00000", *stable]


def phase(pod: str, interval: float) -> float:
    """When in an interval a pod is scraped."""
    return crc32(pod.encode()) / 2**32 * interval


def scrapes(pod: str, after: float, to: float, interval: float) -> Iterator[float]:
    """The moments in (after, to] at which a pod was scraped."""
    at = phase(pod, interval) + interval * ceil((after - phase(pod, interval)) / interval)
    while at <= to:
        if at > after:
            yield round(at, 3)
        at += interval


class Store:
    """Everything since `begin`.

    Args:
        begin: Unix seconds.
        interval: Between two scrapes of a pod, in seconds.
    """

    def __init__(self, begin: float, interval: float) -> None:
        self._begin, self._interval = begin, interval
        self.queries = 0

    async def query(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.queries += 1
        expr, to = str(form["query"]), float(str(form["time"]))
        (reach,) = re.findall(r"\[(\d+)s\]$", expr)
        metric = expr.partition("{")[0]
        models = map(int, re.findall(r"model-(\d+)-", expr))
        series = [
            one
            for model in models
            for pod in pods(model)
            for one in self._series(metric, model, pod, after=to - int(reach), to=to)
            if 'code=~"5' not in expr or one["metric"]["code"] == "500"
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": series}})

    async def stats(self, _: web.Request) -> web.Response:
        return web.json_response({"queries": self.queries})

    def _series(
        self, metric: str, model: int, pod: str, *, after: float, to: float
    ) -> Iterator[dict[str, Any]]:
        address = crc32(pod.encode()) >> 8
        place = {
            "namespace": namespace(model),
            "pod": pod,
            "instance": f"10.{address >> 16}.{address >> 8 & 255}.{address & 255}:8080",
            "job": "kubernetes-pods",
            "container": "model",
        }
        times = list(scrapes(pod, max(after, self._begin), to, self._interval))
        for more in SERIES[metric] if times else ():
            growth = GROWTH.get(more.get("code") or more.get("le") or "", 1515)
            yield {
                "metric": {"__name__": metric, **place, **more},
                "values": [[t, str(self._value(metric, t, growth))] for t in times],
            }

    def _value(self, metric: str, t: float, growth: int) -> int:
        if metric == "up":
            return 1
        if metric == "process_start_time_seconds":
            return int(self._begin) - 86_400
        return round((t - self._begin) / self._interval * growth)


def main(port: int, begin: float, interval: float) -> None:
    store = Store(begin, interval)
    app = web.Application(client_max_size=2**20)
    app.router.add_post("/api/v1/query", store.query)
    app.router.add_get("/stats", store.stats)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
