"""Every command of docs/replay.md that needs no Prometheus works as it is written there."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from serin.__main__ import main
from serin.workbench.recording import recording_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "replay.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("serin")]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_works(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that ask a Prometheus find none here; with one they are tried elsewhere."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "cart.json").symlink_to(ROOT / "docs" / "corpus" / "healthy.json")
    (tmp_path / "analysis.yaml").write_text(blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)
    command = [word.replace("localhost:9090", "127.0.0.1:9") for word in command]

    code = main(command[1:])

    if "--prometheus" in command:
        assert (code, "cannot be reached" in capsys.readouterr().err) == (2, True)
    else:
        assert code == 0


def test_the_example_of_a_recording_can_be_read() -> None:
    example = next(json.loads(one) for one in blocks("json") if "scrapeIntervalSeconds" in one)

    assert recording_of(example).request.interval == 15


def test_the_example_of_a_policy_counts() -> None:
    policy = yaml.safe_load(blocks("yaml")[0])
    example = next(json.loads(one) for one in blocks("json") if "scrapeIntervalSeconds" in one)

    judged_by = recording_of(example | {"policy": policy}).request.policy

    assert judged_by.max_false_rollback_rate == 0.001
    assert judged_by.warm_up.total_seconds() == 300
    assert judged_by.promotion.max_increase == pytest.approx(0.005)
