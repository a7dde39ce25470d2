"""`serin simulate`: what it prints, what it understands, how it ends."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from time import monotonic

import pytest

from serin.__main__ import main
from serin.workbench.simulation.published import TABLES
from serin.workbench.simulation.scenarios import BATCH

WORLD = ["simulate", "--requests-per-second=100", "--bad-percent=1"]
QUICK = ["--runs=100", "--minutes=10"]


def document(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert main([*WORLD, *QUICK, "--json", *options]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_fault_is_told_with_its_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORLD, *QUICK, "--fault=100%", "--onset=4"]) == 0

    told = capsys.readouterr().out
    assert told.startswith("100 requests a second, 1 % bad; 100 % bad from 240 s on\n5 % on one canary pod")
    assert "rolled back in vain  0 % (≤ 3.6 %)" in told
    assert "rolled back for it   100 % (≥ 96.4 %)" in told
    assert "  after its onset    median 30 s (30 s to 30 s), 95 % within 30 s" in told


def test_a_healthy_rollout_is_told_to_its_promotion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORLD, "--runs=100", "--steps=5,50", "--pods=3"]) == 0

    told = capsys.readouterr().out
    assert "5, 50 % on several canary pods, up to 1.25 times as bad called healthy" in told
    assert "promoted             100 % (≥ 96.4 %)" in told


def test_the_same_seed_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    one, again, other = (document(capsys, "--fault=x5", f"--seed={seed}") for seed in (3, 3, 4))

    assert one == again
    assert one["served"] != other["served"]


def test_what_was_never_reached_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)

    assert found["detected"]["median"]["value"] is None  # type: ignore[index]
    assert found["inVain"]["value"] == 0  # type: ignore[index]


def test_a_policy_is_read_from_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "analysis.yaml"
    file.write_text(
        "maxFalseRollbackRate: '0.02'\nwarmUpSeconds: 30\nsignals:\n"
        "- {name: errors, maxRatio: '3'}\n- {name: slow, slowerThanMilliseconds: 500}\n"
    )

    found = document(capsys, f"--policy={file}", "--signal=slow")

    assert found["warmUpSeconds"] == 30
    assert found["maxFalseRollbackRate"] == 0.01  # the two share it


@pytest.mark.parametrize(
    ("options", "need"),
    [
        (["simulate"], "need --requests-per-second and --bad-percent, or --table"),
        ([*WORLD, "--policy=nowhere.yaml"], "nowhere.yaml: No such file"),
        ([*WORLD, "--condition=idle", "--steps=5,50"], "--condition needs a single weight"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    options: list[str], need: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 1

    assert need in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", ["--fault=+worse", "--bad-percent=101", "--runs=0", "--canary-percent=100", "--steps=5,x"]
)
def test_a_value_that_cannot_be_is_named(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*WORLD, wrong])

    option, value = wrong.split("=")
    told = capsys.readouterr().err
    assert f"argument {option}: need" in told
    assert f"found {value.split(',')[-1]}" in told


@pytest.mark.parametrize("name", ["promotion", "split"])
def test_a_table_is_printed_as_markdown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", f"--table={name}", "--runs=2"]) == 0

    words, _, head, *_ = capsys.readouterr().out.splitlines()
    assert words.startswith(TABLES[name]().words)
    assert head == f"| {' | '.join(TABLES[name]().head)} |"


def test_interrupted_it_tells_what_there_is() -> None:
    """Ctrl-C once the progress bar, which is there on a terminal, has counted the first rollouts."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    arguments = [sys.executable, "-m", "serin", *WORLD, "--runs=10000000", "--json"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=theirs, text=True, preexec_fn=_interruptible
    ) as running:
        os.close(theirs)
        try:
            seen = _read_until(ours, r"\b[1-9]\d*/10000000")
            running.send_signal(signal.SIGINT)
            told, _ = running.communicate(timeout=60.0)
        finally:
            running.kill()
            os.close(ours)

    assert running.returncode == 0, seen
    assert json.loads(told)["runs"] % BATCH == 0 < json.loads(told)["runs"] < 10_000_000


def _interruptible() -> None:
    """A shell may have started the tests in its background, where Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _read_until(terminal: int, pattern: str) -> str:
    seen, deadline = "", monotonic() + 120.0
    while not re.search(pattern, seen):
        left = deadline - monotonic()
        assert left > 0 and select.select([terminal], [], [], left)[0], f"no {pattern} in {seen[-500:]!r}"
        seen += os.read(terminal, 4096).decode()
    return seen


def test_without_a_terminal_there_is_no_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORLD, *QUICK]) == 0

    assert capsys.readouterr().err == ""
