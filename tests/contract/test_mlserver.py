"""The preset for MLServer means what a real MLServer does: PyPI's 1.7.1, serving the demo's third model."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from serin.catalogue import loader
from serin.catalogue.rows import CounterRow, HistogramRow
from tests.cluster.modelserver import environment
from tests.cluster.modelserver.environment import Environment
from tests.cluster.needed import needed
from tests.cluster.network import free_port
from tests.cluster.processes import Program, answers
from tests.demo import models, users

HOST = "127.0.0.1"
PRESET = loader.builtin().runtime("mlserver").signals
KNOWN, UNKNOWN = [5.1, 3.0, 1.4, 0.2], [5.7, 4.4, 1.5, 0.4]
"""A flower that every version understands, and one whose sepals version 3 has never seen."""


@pytest.fixture(scope="module")
def installed() -> Environment:
    return needed(environment.ready)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trained(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> models.Models:
    return await models.trained(installed.python, tmp_path_factory.mktemp("models"))


class Server:
    """A running MLServer."""

    def __init__(self, http: aiohttp.ClientSession, url: str, metrics: str) -> None:
        self.url, self._http, self._metrics = url, http, metrics

    async def ready(self, model: str) -> int:
        """The status of a readiness probe for one model."""
        async with self._http.get(f"{self.url}/v2/models/{model}/ready") as answer:
            return answer.status

    async def infer(self, body: object) -> tuple[int, str]:
        """The status and the body of the answer."""
        async with self._http.post(f"{self.url}/v2/models/{models.NAME}/infer", json=body) as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> int:
        async with self._http.get(f"{self.url}{path}") as answer:
            return answer.status

    async def samples(self) -> list[Sample]:
        async with self._http.get(self._metrics) as answer:
            text = await answer.text()
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    async def count(self, counter: CounterRow) -> float:
        return sum(
            sample.value for sample in _matching(await self.samples(), counter.metric, counter.matchers)
        )


@asynccontextmanager
async def running(installed: Environment, folder: Path) -> AsyncIterator[Server]:
    http, grpc, metrics = free_port(HOST), free_port(HOST), free_port(HOST)
    variables = {
        "MLSERVER_HOST": HOST,
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",
    }
    url = f"http://{HOST}:{http}"
    program = Program(
        "mlserver",
        [installed.mlserver, "start", folder],
        log=folder / "mlserver.log",
        environment={**os.environ, **variables},
        folder=folder,
        ready=answers(f"{url}/v2/health/ready"),
    )
    connector = aiohttp.TCPConnector(force_close=True)
    async with program, aiohttp.ClientSession(connector=connector) as session:
        yield Server(session, url, f"http://{HOST}:{metrics}/metrics")


@pytest_asyncio.fixture
async def server(installed: Environment, trained: models.Models) -> AsyncIterator[Server]:
    async with running(installed, trained.folder / "3") as server:
        yield server


def _matching(samples: list[Sample], metric: str, matchers: Any) -> Iterator[Sample]:
    for sample in samples:
        if sample.name == metric and all(_matches(sample.labels, *matcher) for matcher in matchers):
            yield sample


def _matches(labels: dict[str, str], label: str, operator: str, value: str) -> bool:
    equal = re.fullmatch(value, labels.get(label, "")) if "~" in operator else labels.get(label, "") == value
    return bool(equal) is (operator[0] != "!")


async def test_errors_are_the_inferences_that_crashed_and_nothing_else(server: Server) -> None:
    assert PRESET.errors
    questions = [users.question(flower) for flower in (KNOWN, UNKNOWN, KNOWN, UNKNOWN, KNOWN)]
    asked = [await server.infer(body) for body in [*questions, {"inputs": "not a list"}]]
    assert [status for status, _ in asked] == [200, 500, 200, 500, 200, 422]
    assert await server.get(f"/v2/models/{models.NAME}/ready") == 200
    assert await server.get("/v2/health/live") == 200

    assert await server.count(PRESET.errors.requests) == 6
    assert await server.count(PRESET.errors.bad) == 2


async def test_an_error_series_is_born_with_its_first_error(server: Server) -> None:
    assert PRESET.errors
    await server.infer(users.question(KNOWN))
    before = list(_matching(await server.samples(), PRESET.errors.bad.metric, PRESET.errors.bad.matchers))

    await server.infer(users.question(UNKNOWN))

    assert before == []
    assert await server.count(PRESET.errors.bad) == 1


async def test_the_latency_buckets_are_those_of_the_preset(server: Server) -> None:
    latency = PRESET.latency
    assert isinstance(latency, HistogramRow)
    await server.infer(users.question(KNOWN))

    found = _matching(await server.samples(), f"{latency.metric}_bucket", latency.matchers)

    bounds = sorted({float(sample.labels["le"]) for sample in found})
    assert bounds == [*latency.buckets, float("inf")]


async def test_answers_name_the_version_of_the_model(server: Server) -> None:
    _, body = await server.infer(users.question(KNOWN))

    assert json.loads(body)["model_version"] == "3"


async def test_a_model_is_ready_only_where_it_is_served(server: Server) -> None:
    assert await server.ready(models.NAME) == 200
    assert await server.ready("another") == 404
