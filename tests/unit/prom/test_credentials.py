"""What a request carries to be let in: read anew when a file was changed, and never shown."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.prom.client import PrometheusClient, Unreachable
from serin.prom.credentials import Access, Credentials, HeaderValues, Unreadable

EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def rotated(path: Path, text: str) -> None:
    """As a mounted Secret is: another file takes the name."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


async def asked_with(access: Access, *, times: int = 1) -> list[list[tuple[str, str]]]:
    """The headers that a server sees."""
    seen: list[list[tuple[str, str]]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append([(name, value) for name, value in request.headers.items()])
        return web.json_response(EMPTY)

    app = web.Application()
    app.router.add_route("*", "/api/v1/query", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        prometheus = PrometheusClient(session, str(server.make_url("/")), credentials=Credentials(access))
        for _ in range(times):
            await prometheus.query("x_total[20s]", 1.0)
    return seen


async def test_a_token_is_sent_without_the_line_end_of_its_file(tmp_path: Path) -> None:
    access = Access(credentials_file=written(tmp_path / "token", "letmein\n"))

    [headers] = await asked_with(access)

    assert ("Authorization", "Bearer letmein") in headers


async def test_a_password_is_sent_as_basic_authentication(tmp_path: Path) -> None:
    access = Access(username="serin", password_file=written(tmp_path / "password", "letmein"))

    [headers] = await asked_with(access)

    assert ("Authorization", "Basic c2VyaW46bGV0bWVpbg==") in headers


async def test_a_tenant_is_named_in_its_own_header(tmp_path: Path) -> None:
    values = HeaderValues(values=("team-a", "team-b"), files=(written(tmp_path / "more", "team-c"),))

    [headers] = await asked_with(Access(headers={"X-Scope-OrgID": values}))

    assert [v for name, v in headers if name == "X-Scope-OrgID"] == ["team-a", "team-b", "team-c"]


def test_a_rotated_secret_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path / "token", "before")
    credentials = Credentials(Access(credentials_file=file))
    before = credentials.headers()["Authorization"]

    rotated(file, "after!")

    assert (before, credentials.headers()["Authorization"]) == ("Bearer before", "Bearer after!")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "authorization.credentials_file: {}: No such file or directory; mount it, or give"),
        ("", "authorization.credentials_file: {} is empty; write the secret into it"),
        ("letmein\nX-Admin: yes", "authorization.credentials_file: {} holds more than one line of text"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_cure(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)

    with pytest.raises(Unreadable) as error:
        Credentials(Access(credentials_file=file)).headers()

    assert str(error.value).startswith(said.format(file))
    assert "letmein" not in str(error.value)


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    access = Access(
        credentials_file=written(tmp_path / "token", "letmein"),
        headers={"X-Scope-OrgID": HeaderValues(values=("quiet",))},
    )
    credentials = Credentials(access)
    credentials.headers()

    assert "letmein" not in repr(credentials)
    assert "quiet" not in repr(credentials)


@asynccontextmanager
async def secured(ca: trustme.CA, *, name: str) -> AsyncIterator[str]:
    """A server whose certificate is for a name, and which wants one of a client's in turn."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(EMPTY)

    app = web.Application()
    app.router.add_route("*", "/api/v1/query", handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        yield f"https://127.0.0.1:{server.port}"
    finally:
        await server.close()


def certified(ca: trustme.CA, folder: Path, **changes: object) -> Access:
    """A client that knows the authority and has a certificate of it."""
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ours = ca.issue_cert("serin.example.com")
    ours.private_key_pem.write_to_path(folder / "key.pem")
    ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    given: dict[str, object] = {
        "ca_file": folder / "ca.pem",
        "cert_file": folder / "cert.pem",
        "key_file": folder / "key.pem",
        "server_name": "prometheus.example.com",
    }
    return Access(**(given | changes))  # type: ignore[arg-type]


async def test_both_sides_know_each_other_by_certificates(tmp_path: Path) -> None:
    ca = trustme.CA()
    access = certified(ca, tmp_path)
    async with secured(ca, name="prometheus.example.com") as url, aiohttp.ClientSession() as session:
        matrix = await PrometheusClient(session, url, credentials=Credentials(access)).query("x[20s]", 1.0)

    assert matrix.series == ()


async def test_a_server_of_another_name_is_not_asked(tmp_path: Path) -> None:
    ca = trustme.CA()
    access = certified(ca, tmp_path, server_name=None)
    async with secured(ca, name="prometheus.example.com") as url, aiohttp.ClientSession() as session:
        prometheus = PrometheusClient(session, url, credentials=Credentials(access))
        with pytest.raises(Unreachable, match=r"certificate is not valid for '127\.0\.0\.1'"):
            await prometheus.query("x[20s]", 1.0)


async def test_a_renewed_authority_is_trusted_without_a_restart(tmp_path: Path) -> None:
    before, after = trustme.CA(), trustme.CA()
    access = certified(before, tmp_path)
    async with secured(after, name="prometheus.example.com") as url, aiohttp.ClientSession() as session:
        prometheus = PrometheusClient(session, url, credentials=Credentials(access))
        with pytest.raises(Unreachable, match="cannot be reached"):
            await prometheus.query("x[20s]", 1.0)
        certified(after, tmp_path)
        matrix = await prometheus.query("x[20s]", 1.0)

    assert matrix.series == ()


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    ca = trustme.CA()
    access = certified(ca, tmp_path)
    ca.issue_cert("other.example.com").private_key_pem.write_to_path(tmp_path / "key.pem")

    with pytest.raises(Unreadable, match=r"tls_config: .*key.pem: .*; give PEM files"):
        Credentials(access).tls()
