"""The way in: a pod's service account, a kubeconfig and what it leaves to be said."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serin.kube import access
from serin.kube.access import Access, BadAccess, login, own_namespace
from tests.unit.kube.test_client import kubeconfig


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account's files, where a pod's are."""
    for name, content in {"token": "first\n", "ca.crt": "a certificate", "namespace": "serin-system"}.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(access, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    return tmp_path


async def test_a_pod_is_let_in_by_its_service_account(account: Path) -> None:
    found = await login()

    assert (found.server, found.token) == ("https://10.0.0.1:6443", "first")
    assert found.ca == str(account / "ca.crt")
    assert own_namespace() == "serin-system"


async def test_an_address_of_version_six_is_put_in_brackets(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")

    assert (await login()).server == "https://[fd00::1]:6443"


async def test_a_pod_without_an_account_is_told_what_is_missing(account: Path) -> None:
    (account / "token").unlink()

    with pytest.raises(BadAccess, match=r"service account cannot be used: .*token"):
        await login()


async def test_a_token_is_read_again_when_it_was_refused_and_not_before(account: Path) -> None:
    way = Access()
    await way.login()
    (account / "token").write_text("second")

    before = await way.login()
    way.refused()
    after = await way.login()

    assert [before.token, after.token] == ["first", "second"]


async def test_a_token_that_is_away_leaves_the_known_one(account: Path) -> None:
    way = Access()
    known = await way.login()
    (account / "token").unlink()
    way.refused()
    found = await way.login()

    assert found == known


async def test_a_kubeconfig_may_name_a_proxy_and_the_servers_name(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, 1, **{"token": "s3cret"})
    document = yaml.safe_load(path.read_text())
    document["clusters"][0]["cluster"] |= {"proxy-url": "http://127.0.0.1:2", "tls-server-name": "kubernetes"}
    path.write_text(yaml.safe_dump(document))

    found = await login(path)

    assert (found.proxy, found.name, found.token) == ("http://127.0.0.1:2", "kubernetes", "s3cret")
    assert "s3cret" not in repr(found)


def test_a_pod_loads_no_client_library() -> None:
    loaded = (
        "import sys, serin.__main__; print([name for name in ('kubernetes', 'kopf') if name in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "['kopf']\n"
