"""The command line: what it prints, what it understands, how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serin.__main__ import Exit, _parser, _settings, main
from serin.runtime.settings import Settings


def settings(*arguments: str) -> Settings:
    return _settings(_parser().parse_args(["run", *arguments]))


def test_without_options_everything_has_its_default() -> None:
    assert settings() == Settings()


def test_every_option_becomes_a_setting() -> None:
    told = settings(
        "--namespace=ml",
        "--namespace=science",
        "--prometheus=http://prometheus:9090",
        "--scrape-interval=5",
        "--workers=3",
        "--host=127.0.0.1",
        "--http-port=0",
        "--sweep-interval=60",
        "--kubeconfig=here",
        "--prometheus-config=there",
        "--catalogue=rows",
        "--webhook-allow=https://hooks.example.com/serin",
        "--webhook-allow=http://gates.ml:8080",
        "--notification-channels=channels",
    )

    assert told == Settings(
        namespaces=("ml", "science"),
        prometheus="http://prometheus:9090",
        scrape_interval=5.0,
        workers=3,
        host="127.0.0.1",
        http_port=0,
        sweep_interval=60.0,
        kubeconfig=Path("here"),
        prometheus_config=Path("there"),
        catalogue=Path("rows"),
        webhook_allow=("https://hooks.example.com/serin", "http://gates.ml:8080"),
        notification_channels=Path("channels"),
    )


def test_the_environment_takes_the_place_of_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERIN_NAMESPACE", "ml science")
    monkeypatch.setenv("SERIN_SCRAPE_INTERVAL", "5")
    monkeypatch.setenv("SERIN_PROMETHEUS", "http://there:9090")

    told = settings("--prometheus=http://here:9090")

    assert told == Settings(namespaces=("ml", "science"), prometheus="http://here:9090", scrape_interval=5.0)


@pytest.mark.parametrize(
    "address", ["hooks.example.com", "ftp://hooks", "https://", "https://a@b", "http://b?c"]
)
def test_what_is_no_address_of_webhooks_is_refused(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings(f"--webhook-allow={address}")

    assert "need an address such as https://hooks.example.com/" in capsys.readouterr().err


def test_a_faulty_list_of_prometheuses_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "prometheuses.yaml"
    path.write_text("prometheuses: []")
    command = [sys.executable, "-m", "serin", "run", f"--prometheus-config={path}"]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == Exit.FAILED
    assert json.loads(done.stderr)["reason"] == f"{path}: prometheuses: need at least one entry"


def test_a_faulty_row_ends_the_start_by_file_and_field(tmp_path: Path) -> None:
    (tmp_path / "row.yaml").write_text("kind: Runtime\nname: scorer\nversion: '1'\n")
    command = [sys.executable, "-m", "serin", "run", f"--catalogue={tmp_path}"]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == Exit.FAILED
    assert json.loads(done.stderr)["reason"] == f"{tmp_path}/row.yaml: template: Field required"


def test_crd_prints_what_kubectl_applies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crd"]) == Exit.OK

    assert yaml.safe_load(capsys.readouterr().out)["metadata"]["name"] == "modeldeployments.serin.dev"


def test_version_prints_name_and_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == Exit.OK

    assert capsys.readouterr().out.startswith("serin 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["run", "--workers=many"],
        ["run", "--workers=0"],
        ["run", "--scrape-interval=0"],
        ["run", "--sweep-interval=nan"],
        ["run", "--log-level=loud"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_told_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: serin" in capsys.readouterr().err
