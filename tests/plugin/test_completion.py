"""What Tab offers, in the protocol of kubectl's own commands."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from serin.plugin.completing import main, offer
from serin.plugin.parsing import COMMANDS, ELSEWHERE
from serin.plugin.shells import SCRIPTS
from tests.plugin.test_command_line import kubeconfig


def completed(*words: str) -> list[str]:
    """The lines that kubectl reads."""
    out = io.StringIO()
    assert main(words, out=out) == 0
    return out.getvalue().splitlines()


def test_commands_are_offered_with_their_meaning() -> None:
    *words, files = completed("")

    assert [one.partition("\t")[0] for one in words] == list(COMMANDS)
    assert all(one.partition("\t")[2] for one in words)
    assert files == ":4"
    assert not set(ELSEWHERE) & set(words)


def test_only_what_goes_on_is_offered() -> None:
    assert [one.partition("\t")[0] for one in completed("re")] == ["retry", "resume", ":4"]


def test_options_of_the_command_are_offered() -> None:
    assert [one.partition("\t")[0] for one in completed("promote", "--f")] == ["--full", ":4"]


@pytest.mark.parametrize("before", [["get"], ["-n", "ml", "get"], ["--context=lab", "get", "fraud"]])
def test_values_of_an_option_are_offered(before: list[str]) -> None:
    assert completed(*before, "-o", "") == ["json", "yaml", "wide", "name", ":4"]


def test_contexts_are_those_of_the_kubeconfig(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", "lab", "prod")

    assert completed("--kubeconfig", str(path), "get", "--context", "") == ["lab", "prod", ":4"]


@pytest.mark.parametrize("before", [["lint"], ["plan", "-f"], ["--kubeconfig"]])
def test_files_are_the_shells_to_offer(before: list[str]) -> None:
    assert completed(*before, "") == [":0"]


def test_names_are_not_offered_where_nobody_can_be_asked(tmp_path: Path) -> None:
    assert completed("--kubeconfig", str(tmp_path / "none"), "get", "") == [":4"]


def test_shells_are_offered() -> None:
    assert completed("completion", "") == [*SCRIPTS, ":4"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_is_one_that_its_shell_reads(shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed: sudo apt-get install {shell}")

    subprocess.run([path, "-n"], input=SCRIPTS[shell].encode(), check=True)


def test_nothing_is_offered_for_what_is_no_command() -> None:
    assert offer(["version"], "").words == ()
