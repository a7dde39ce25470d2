"""The model server of the tests behaves like MLServer, and misbehaves only as told."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.cluster.local_server import INFER, LocalServer
from tests.cluster.servers.behaviour import Behaviour, behaviour_of
from tests.cluster.traffic import EXAMPLE, Fate, Traffic
from tests.cluster.waiting import PATIENT, until


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def metrics(http: aiohttp.ClientSession, server: LocalServer) -> list[str]:
    address, port = server.metrics
    async with http.get(f"http://{address}:{port}/metrics") as answer:
        return [line for line in (await answer.text()).splitlines() if not line.startswith("#")]


async def status(http: aiohttp.ClientSession, server: LocalServer, path: str) -> int:
    async with http.get(server.url + path) as answer:
        return answer.status


async def test_requests_are_counted_as_mlserver_counts_them(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with LocalServer("v1", tmp_path, error_every=3) as server:
        for _ in range(6):
            async with http.post(server.url + INFER, json=EXAMPLE) as answer:
                await answer.read()
        await status(http, server, "/v2/models/iris/ready")
        await status(http, server, "/v2/health/ready")
        await status(http, server, "/no/such/path")
        lines = await metrics(http, server)

    route = 'app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer"'
    ready = 'app_name="mlserver",method="GET",path="/v2/models/{model_name}/ready"'
    assert [line for line in lines if line.startswith("rest_server_requests_total")] == [
        f'rest_server_requests_total{{{route},status_code="200"}} 4.0',
        f'rest_server_requests_total{{{route},status_code="500"}} 2.0',
        f'rest_server_requests_total{{{ready},status_code="200"}} 1.0',
    ]
    assert f'rest_server_request_duration_seconds_count{{{route},status_code="200"}} 4.0' in lines
    assert 'model_infer_request_success_total{model="iris",version="None"} 4.0' in lines
    assert 'model_infer_request_failure_total{model="iris",version="None"} 2.0' in lines
    assert not [line for line in lines if "_created" in line]


async def test_a_stream_that_has_begun_is_finished_after_sigterm(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with LocalServer("v1", tmp_path) as server:
        asked = {"parameters": {"seconds": 1.0, "every": 0.1}}
        async with http.post(f"{server.url}/v2/models/iris/generate_stream", json=asked) as answer:
            server.program.send(signal.SIGTERM)
            lines = (await answer.read()).splitlines()
        assert await server.program.wait() == 0

    assert lines[0] == b'data: {"token": 0}'
    assert [line for line in lines if line][-2:] == [b'data: {"token": 9}', b"data: [DONE]"]


async def test_a_model_is_not_ready_while_it_loads(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with LocalServer("v1", tmp_path, load_seconds=3600) as server:
        assert await status(http, server, "/v2/health/live") == 200
        assert await status(http, server, "/v2/health/ready") == 400

        await server.behave(load_seconds=0.5)

        async def ready() -> int:
            return await status(http, server, "/v2/health/ready")

        await until(ready, lambda code: code == 200)


async def test_behaviour_changes_while_it_runs(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with LocalServer("v1", tmp_path) as server:
        await server.behave(ready=False, error_rate=1.0)

        assert await status(http, server, "/v2/health/ready") == 400
        async with http.post(server.url + INFER, json=EXAMPLE) as answer:
            assert answer.status == 500


async def test_sigterm_lets_requests_under_way_finish(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with LocalServer("v1", tmp_path, latency_seconds=3.0) as server:

        async def infer() -> int:
            async with http.post(server.url + INFER, json=EXAMPLE) as answer:
                return answer.status

        asking = [asyncio.create_task(infer()) for _ in range(10)]
        for _ in asking:
            # Answered on a connection that was accepted after theirs.
            async with aiohttp.ClientSession() as later:
                assert await status(later, server, "/v2/health/live") == 200
        server.program.send(signal.SIGTERM)

        assert await server.program.wait() == 0
        assert {await one for one in asking} == {200}


async def test_a_crash_loses_what_is_under_way(tmp_path: Path) -> None:
    async with (
        LocalServer("v1", tmp_path, crash_every=10, latency_seconds=0.2) as server,
        Traffic(server.url + INFER, per_second=50) as users,
    ):
        assert await server.program.wait() == 3
        await users.more(5)

    assert users.results.lost()[0].fate is Fate.TRANSPORT


async def test_sigterm_can_be_ignored(tmp_path: Path) -> None:
    async with LocalServer("v1", tmp_path, ignore_sigterm=True) as server:
        server.program.send(signal.SIGTERM)

        async with asyncio.timeout(PATIENT), aiohttp.ClientSession() as http:
            assert await status(http, server, "/v2/health/live") == 200
        await server.program.kill()


def test_the_model_overrides_the_environment(tmp_path: Path) -> None:
    (tmp_path / "behaviour.json").write_text('{"error_rate": 0.5}')

    told = behaviour_of({"ERROR_RATE": "0.1", "LOAD_SECONDS": "2"}, tmp_path)

    assert told == Behaviour(error_rate=0.5, load_seconds=2)


async def test_a_scrape_counts_the_logged_requests_and_no_other(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with LocalServer("v1", tmp_path, requests=tmp_path, fallback_every=2) as server:
        for _ in range(5):
            async with http.post(server.url + INFER, json=EXAMPLE) as answer:
                await answer.read()
        lines = await metrics(http, server)

    run, outcomes = logged(tmp_path)
    assert outcomes == ["model", "fallback", "model", "fallback", "model"]
    assert f'model_log_lines{{run="{run}"}} 5.0' in lines
    assert 'app_predictions_total{outcome="fallback"} 2.0' in lines
    assert "app_score_count 3.0" in lines


def logged(folder: Path) -> tuple[str, list[str]]:
    """The only run's name, and its outcomes."""
    (log,) = folder.glob("v1-*.*.log")
    return log.stem, [line.split()[2] for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("ailment", "seen"),
    [
        ("renamed", {"http_server_requests_total": "20.0"}),
        ("retyped", {"rest_server_requests_total": "999980"}),
        ("nan", {"rest_server_requests_total": "NaN"}),
    ],
)
async def test_metrics_ail_as_told(
    http: aiohttp.ClientSession, tmp_path: Path, ailment: str, seen: dict[str, str]
) -> None:
    async with LocalServer("v1", tmp_path, ailment=ailment) as server:
        for _ in range(20):
            async with http.post(server.url + INFER, json=EXAMPLE) as answer:
                await answer.read()
        lines = await metrics(http, server)

    found = {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines if "requests_total" in line}
    assert found == seen


async def test_a_crowd_of_series_comes_when_told(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with LocalServer("v1", tmp_path, ailment="crowded") as server:
        async with http.post(server.url + INFER, json=EXAMPLE) as answer:
            await answer.read()
        lines = await metrics(http, server)

    assert sum(line.startswith("rest_server_requests_total{") for line in lines) == 100_000
