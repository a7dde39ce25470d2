"""Every command that a page shows is one: parsed by the program itself, and run where it needs nothing else.

kubectl and Helm are asked with an API server that nobody can reach, which they find out after they have
understood what is asked of them.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from serin.__main__ import main
from serin.plugin import parsing
from tests.cluster import binaries, helm
from tests.cluster.needed import needed
from tests.conftest import REPOSITORY
from tests.docs.pages import Block, blocks, commands

AWAY: Final = """
apiVersion: v1
kind: Config
current-context: away
contexts: [{name: away, context: {cluster: away, user: nobody}}]
clusters: [{name: away, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
"""
MISUNDERSTOOD: Final = re.compile(
    r"unknown (flag|command|shorthand flag)|invalid argument|accepts \d+ arg|requires (at least|exactly)",
    re.IGNORECASE,
)
READERS: Final = "cd curl docker echo export git jq pip pipx python sed wait cat".split()  # noqa: SIM905
"""What every reader knows, or has from elsewhere."""
TARGETS: Final = frozenset(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def shown(program: str, *, but: str = "") -> list[list[str]]:
    """The commands of a program on all pages, each once."""
    found = {tuple(command) for block in blocks("sh", "bash") for command in commands(block)}
    of_it = [list(one) for one in found if one[0] == program and "..." not in one]
    return sorted(one for one in of_it if not but or one[1:2] != [but])


@pytest.fixture
def away(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "kubeconfig"
    file.write_text(AWAY)
    return {**os.environ, "KUBECONFIG": str(file)}


@pytest.mark.parametrize("block", blocks("sh", "bash"), ids=str)
def test_a_block_is_shell_and_names_programs_that_are_known(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    known = {"serin", ".venv/bin/serin", "kubectl", "helm", "make", *READERS}

    strange = {command[0] for command in commands(block)} - known

    assert {one for one in strange if "=" not in one} == set()


@pytest.mark.parametrize("command", shown("make"), ids=" ".join)
def test_a_target_exists(command: list[str]) -> None:
    assert {word for word in command[1:] if "=" not in word} <= TARGETS


@pytest.mark.parametrize("command", shown("kubectl", but="serin"), ids=" ".join)
def test_kubectl_understands(command: list[str], away: dict[str, str], tmp_path: Path) -> None:
    program = str(binaries.kubectl())
    words = [word for word in command[1:] if not word.startswith("$(")]
    done = subprocess.run(
        [program, *words, "--request-timeout=1s"],
        env=away, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert not MISUNDERSTOOD.search(done.stderr), done.stderr


@pytest.mark.parametrize("command", [one for one in shown("kubectl") if one[1] == "serin"], ids=" ".join)
def test_the_plugin_understands(command: list[str]) -> None:
    parsing.parser("kubectl serin").parse_args(command[2:])


@pytest.mark.parametrize("command", shown("helm"), ids=" ".join)
def test_helm_understands(command: list[str], away: dict[str, str]) -> None:
    programs = needed(helm.ready)
    for program in programs.values():
        done = subprocess.run(
            [str(program), *command[1:]],
            env=away,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )

        assert not MISUNDERSTOOD.search(done.stderr), done.stderr


@pytest.mark.parametrize(
    "command", [one for one in shown("serin") if one[1] in ("crd", "version", "simulate")], ids=" ".join
)
def test_serin_does_it(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command[1:]) == 0
    assert capsys.readouterr().out
