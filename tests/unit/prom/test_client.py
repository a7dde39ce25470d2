"""What Prometheus and the proxies before it answer, recorded, and what is made of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.prom.client import PrometheusClient, Refused, TooLarge, Unreachable
from serin.prom.samples import parse_matrix

MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "x_total", "pod": "fraud-7c9f-0"},
                "values": [[1795401600.123, "12"], [1795401605.123, "NaN"], [1795401610.12, "1.5e+06"]],
            }
        ],
    },
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client(handler: Handler, *, patience: float = 60.0) -> AsyncIterator[PrometheusClient]:
    app = web.Application()
    app.router.add_route("*", "/prom/api/v1/query", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield PrometheusClient(session, str(server.make_url("/prom/")), timeout=patience)


def answering(status: int, body: object) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handler


async def test_a_question_is_a_form_with_expression_and_time() -> None:
    asked: list[dict[str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(dict(await request.post()))
        return web.json_response(MATRIX)

    async with client(handler) as prometheus:
        matrix = await prometheus.query("x_total[20s]", 1795401610.5)

    assert asked == [{"query": "x_total[20s]", "time": "1795401610.500", "timeout": "60000ms"}]
    assert repr(matrix) == repr(parse_matrix(MATRIX))  # not equal: there is a NaN in it


async def test_a_proxy_that_allows_reading_only_is_asked_by_get() -> None:
    methods: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        methods.append(request.method)
        if request.method == "POST":
            raise web.HTTPMethodNotAllowed("POST", ["GET"])
        return web.json_response(MATRIX)

    async with client(handler) as prometheus:
        await prometheus.query("x_total[20s]", 1.0)
        await prometheus.query("x_total[20s]", 2.0)

    assert methods == ["POST", "GET", "GET"]


async def test_a_refusal_carries_what_prometheus_says() -> None:
    no = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}

    async with client(answering(400, no)) as prometheus:
        with pytest.raises(Refused, match="answered 400: parse error: unexpected end of input"):
            await prometheus.query("x_total[", 1.0)


@pytest.mark.parametrize("status", [413, 414])
async def test_what_is_too_long_for_somebody_on_the_way_is_told_apart(status: int) -> None:
    async with client(answering(status, "<html>")) as prometheus:
        with pytest.raises(TooLarge):
            await prometheus.query("x_total[20s]", 1.0)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), (None, None)],
)
async def test_a_server_may_say_when_to_come_again(
    status: int, header: str | None, seconds: float | None
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": header} if header else {})

    async with client(handler) as prometheus:
        with pytest.raises(Unreachable) as error:
            await prometheus.query("x_total[20s]", 1.0)

    assert error.value.retry_after == seconds


async def test_a_redirect_is_named_and_not_followed() -> None:
    async def handler(_: web.Request) -> web.Response:
        raise web.HTTPFound("https://login.example.com/?token=letmein")

    async with client(handler) as prometheus:
        with pytest.raises(Unreachable) as error:
            await prometheus.query("x_total[20s]", 1.0)

    assert str(error.value).endswith(
        "answered 302, a redirect to https://login.example.com/; redirects are not followed, give the address"
        " behind it"
    )


async def test_a_page_is_told_from_an_answer() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="<html>who are you?</html>", content_type="text/html")

    async with client(handler) as prometheus:
        with pytest.raises(Unreachable, match="answered text/html, not JSON; is it Prometheus' address"):
            await prometheus.query("x_total[20s]", 1.0)


async def test_a_compressed_answer_is_read() -> None:
    async def handler(_: web.Request) -> web.Response:
        response = web.json_response(MATRIX)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with client(handler) as prometheus:
        matrix = await prometheus.query("x_total[20s]", 1.0)

    assert len(matrix.series) == 1


async def test_a_slow_answer_is_not_waited_for() -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.json_response(MATRIX)

    async with client(handler, patience=0.5) as prometheus:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            await prometheus.query("x_total[20s]", 1.0)


async def test_an_expression_may_be_longer_in_a_form_than_in_an_address() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.method == "POST":
            raise web.HTTPMethodNotAllowed("POST", ["GET"])
        return web.json_response(MATRIX)

    async with client(handler) as prometheus:
        as_form = prometheus.longest
        await prometheus.query("x_total[20s]", 1.0)

    assert prometheus.longest < as_form


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(503, {"status": "error", "error": "starting"}, id="starting"),
        pytest.param(200, "<html>", id="a login page"),
        pytest.param(302, {}, id="a redirect, which could lead credentials elsewhere"),
        pytest.param(
            200, {"status": "success", "data": {"resultType": "vector", "result": []}}, id="a vector"
        ),
        pytest.param(
            200,
            {"status": "success", "data": {"resultType": "matrix", "result": [{"values": []}]}},
            id="a series without labels",
        ),
    ],
)
async def test_what_is_no_answer_is_unreachable(status: int, body: object) -> None:
    async with client(answering(status, body)) as prometheus:
        with pytest.raises(Unreachable):
            await prometheus.query("x_total[20s]", 1.0)


async def test_a_closed_port_is_unreachable() -> None:
    async with client(answering(200, MATRIX)) as gone:
        pass
    async with aiohttp.ClientSession() as session:
        address = repr(gone).split("'")[1].removesuffix("/api/v1/query")
        with pytest.raises(Unreachable, match="cannot be reached"):
            await PrometheusClient(session, address).query("x_total[20s]", 1.0)


async def test_an_answer_that_is_too_large_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serin.prom.client.MOST_BYTES", 100_000)
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" " * 50_000)
            sent += 50_000
        return response

    async with client(handler) as prometheus:
        with pytest.raises(Refused, match=r"answered more than 100,000 bytes; name a counter with fewer"):
            await prometheus.query("x_total[20s]", 1.0)

    assert sent < 50_000_000


async def test_an_address_is_shown_without_its_password() -> None:
    async with aiohttp.ClientSession() as session:
        prometheus = PrometheusClient(session, "http://serin:letmein@127.0.0.1:1/")
        with pytest.raises(Unreachable) as error:
            await prometheus.query("x_total[20s]", 1.0)

    assert str(error.value).startswith("http://127.0.0.1:1/api/v1/query cannot be reached")
    assert "letmein" not in f"{error.value} {prometheus!r}"


async def test_a_long_refusal_is_cut() -> None:
    async with client(answering(422, {"status": "error", "error": "x" * 10_000})) as prometheus:
        with pytest.raises(Refused) as error:
            await prometheus.query("x_total[20s]", 1.0)

    assert len(str(error.value)) < 400


def test_samples_are_read_to_the_millisecond() -> None:
    (series,) = parse_matrix(MATRIX).series

    assert series.labels == {"__name__": "x_total", "pod": "fraud-7c9f-0"}
    assert [t for t, _ in series.samples] == [1795401600.123, 1795401605.123, 1795401610.12]
    assert (series.samples[0][1], series.samples[2][1]) == (12, 1.5e6)
    assert series.samples[1][1] != series.samples[1][1]


def test_warnings_are_kept_and_infos_are_not() -> None:
    partial = MATRIX | {"warnings": ["1 of 2 stores are away"], "infos": ["might not be a counter"]}

    assert parse_matrix(partial).warnings == ("1 of 2 stores are away",)
