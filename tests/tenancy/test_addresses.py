"""Attacks by addresses: where the operator goes when it is told to, and what it brings along."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.domain.intent import Intent
from serin.prom.client import PrometheusClient
from serin.prom.connections import connections
from serin.prom.credentials import Access, Credentials, HeaderValues
from serin.prom.endpoints import Endpoint
from serin.prom.errors import Unreachable
from serin.runtime.addresses import is_allowed
from serin.runtime.prometheuses import Prometheuses, label_refusal

ALLOWED: Final = ("https://hooks.example.com/team",)
LISTED: Final = Prometheuses(
    [
        Endpoint(name="all", url="http://prometheus.monitoring:9090", default=True),
        Endpoint(name="victims", url="http://mimir.victim/prom", namespaces=frozenset({"victim"})),
    ]
)
HOSTS: Final = ["hooks.example.com", "evil.example", "169.254.169.254", "[::1]", "[", "]", ":443", ":80", ":"]
SIGNS: Final = ["@", "/team", "/", ".", "..", "%2e%2e", "%2f", "?", "#", "team", "s", "-", "//", "\\", "\t"]
PARTS: Final = st.sampled_from([*HOSTS, *SIGNS])


@given(st.sampled_from(["https://hooks.example.com", "https://", "http://"]), st.lists(PARTS, max_size=6))
@example("https://hooks.example.com", ["@", "evil.example", "/team"])
@example("https://evil.example", ["#", "@", "hooks.example.com", "/team"])
@example("https://", ["evil.example", "\\", "@", "hooks.example.com", "/team"])
@example("https://", ["evil.example", "[", "hooks.example.com", "]", "/team"])
@example("https://hooks.example.com", ["/team", "/", "..", "/", "admin"])
@example("https://hooks.example.com", ["/team", "/", "%2e%2e", "/", "admin"])
@example("https://hooks.example.com", ["/team", "s"])
def test_an_address_that_is_allowed_leads_where_it_may(start: str, parts: list[str]) -> None:
    """What is asked is what the client makes of the text, and not what the check did."""
    text = start + "".join(parts)
    if not is_allowed(text, ALLOWED):
        return

    asked = URL(text)

    assert (asked.scheme, asked.host, asked.port) == ("https", "hooks.example.com", 443)
    assert asked.user is None
    assert asked.path == "/team" or asked.path.startswith("/team/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/api/v1/secrets",
        "http://[::1]:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0x7f000001/",
        "http://2130706433/",
        "https://kubernetes.default.svc/api/v1/secrets",
        "https://hooks.example.com.evil.example/team",
        "https://hooks.example.com:8443/team",
        "http://hooks.example.com/team",
        "https://HOOKS.example.com.:443/team",
    ],
)
def test_nobody_but_the_listed_is_asked(url: str) -> None:
    assert not is_allowed(url, ALLOWED)
    assert not is_allowed(url, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@hooks.example.com/team",
        "https://hooks.example.com/team?to=http://evil.example",
        "https://hooks.example.com/team#x",
        "https://hooks.example.com/team\r\nX-Scope-OrgID: victim",
        "https://hooks.example.com/%2e%2e/admin",
        "file:///var/run/secrets/kubernetes.io/serviceaccount/token",
        "gopher://hooks.example.com/team",
        "unix:///var/run/docker.sock",
    ],
)
def test_the_spec_has_no_room_for_more_than_an_address(url: str) -> None:
    gates = [{"name": "licence", "beforeStep": "first", "webhook": {"url": url}}]

    assert isinstance(asked(analysis={"gates": gates}), InvalidSpec)
    assert isinstance(asked(prometheus={"address": url}), InvalidSpec)


@pytest.mark.parametrize(
    "more",
    [
        {"headers": {"X-Scope-OrgID": "victim"}},
        {"bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
        {"credentials": {"secretRef": {"name": "token"}}},
        {"basicAuth": {"username": "x"}},
        {"tlsConfig": {"insecureSkipVerify": True}},
    ],
)
def test_a_spec_says_nothing_of_headers_and_credentials(more: dict[str, Any]) -> None:
    address = "https://hooks.example.com/team"
    gate = {"name": "licence", "beforeStep": "first", "webhook": {"url": address, **more}}

    assert isinstance(asked(prometheus={"address": address, **more}), InvalidSpec)
    assert isinstance(asked(analysis={"gates": [gate]}), InvalidSpec)


def asked(**spec: Any) -> Intent | InvalidSpec:
    metadata = {"name": "own", "namespace": "tenant-a"}
    return intent_of({"metadata": metadata, "spec": {"model": {"format": "sklearn"}, **spec}})


@pytest.mark.parametrize(
    "address",
    [
        "http://mimir.victim/prom",
        "http://evil.example",
        "http://prometheus.monitoring:9091",
        "https://prometheus.monitoring:9090",
        "http://prometheus.monitoring:9090/other",
        "http://prometheus.monitoring.evil.example:9090",
    ],
)
def test_no_prometheus_is_asked_that_is_not_listed_for_the_namespace(address: str) -> None:
    assert isinstance(LISTED.chosen("tenant-a", address), InvalidSpec)


def test_what_is_asked_is_the_address_of_the_list_and_not_the_tenants() -> None:
    found = LISTED.chosen("tenant-a", "HTTP://PROMETHEUS.monitoring:9090/")

    assert isinstance(found, Endpoint)
    assert found.url == "http://prometheus.monitoring:9090"


def test_labels_that_hold_no_namespaces_of_pods_can_be_ruled_out() -> None:
    """Who calls a service is told by `destination_service_namespace`; that is no namespace of its pods."""
    strict = Endpoint(name="all", url="http://prometheus:9090", namespace_labels=frozenset({"namespace"}))

    refusal = label_refusal(strict, "destination_service_namespace")

    assert refusal is not None
    assert "need one that holds namespaces in http://prometheus:9090: namespace" in refusal.message
    assert label_refusal(strict, "namespace") is None


@asynccontextmanager
async def redirecting(status: int, path: str) -> AsyncIterator[tuple[PrometheusClient, list[str]]]:
    """A Prometheus that sends its clients to an attacker; what reached him."""
    reached: list[str] = []
    secret = Path(path)

    async def caught(request: web.Request) -> web.Response:
        reached.append(f"{request.method} {dict(request.headers)}")
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})

    attacker, honest = web.Application(), web.Application()
    attacker.router.add_route("*", "/{path:.*}", caught)
    async with TestServer(attacker) as evil:

        async def elsewhere(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": str(evil.make_url("/api/v1/query"))})

        honest.router.add_route("*", "/{path:.*}", elsewhere)
        access = Access(credentials_file=secret, headers={"X-Scope-OrgID": HeaderValues(values=("fleet",))})
        async with TestServer(honest) as server, connections() as session:
            yield (
                PrometheusClient(session, str(server.make_url("")), credentials=Credentials(access)),
                reached,
            )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_credentials_follow_no_redirect(status: int, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("bearer-of-the-operator")

    async with redirecting(status, str(tmp_path / "token")) as (prometheus, reached):
        with pytest.raises(Unreachable) as told:
            await prometheus.values("up", 1.0)
        with pytest.raises(Unreachable):
            await prometheus.query("up[20s]", 1.0)

    assert reached == []
    assert "bearer-of-the-operator" not in str(told.value)


@pytest.mark.parametrize(
    "location", ["http://[::1", "//", "http://user:secret@evil.example/?t=secret", "\x01"]
)
async def test_a_redirect_to_nowhere_is_an_answer_like_others(location: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        lines = [
            "HTTP/1.1 302 Found",
            f"Location: {location}",
            "Content-Length: 0",
            "Connection: close",
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, connections() as session:
        with pytest.raises(Unreachable) as told:
            await PrometheusClient(session, f"http://127.0.0.1:{port}").values("up", 1.0)

    assert "secret" not in str(told.value)


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password letmein")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    heard: list[dict[str, str]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listen)
    async with TestServer(app) as server, connections() as session:
        await PrometheusClient(session, str(server.make_url(""))).values("up", 1.0)

    assert "Authorization" not in heard[0]
