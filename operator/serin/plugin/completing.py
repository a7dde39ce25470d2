"""What could come next on the command line: for shells, and for kubectl's own completion.

kubectl runs `kubectl_complete-serin` with the words so far and reads what its own commands print: a candidate
a line, after a tab what it is, and last a colon and a number that says whether files are candidates too.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from serin.kube.errors import KubeError
from serin.kube.kinds import Kind
from serin.plugin.cluster import Cluster
from serin.plugin.exits import Exit, Trouble
from serin.plugin.parsing import COMMANDS, Parser, parser
from serin.plugin.places import Place, contexts_in, place_of
from serin.plugin.shells import SCRIPTS

WITH_FILES, WITHOUT_FILES = ":0", ":4"
"""Cobra's ShellCompDirectiveDefault and NoFileComp."""
PATIENCE: Final = 3.0
"""Seconds that a person who pressed Tab is kept waiting."""
NAMESPACES: Final = Kind(name="Namespace", group="", version="v1", plural="namespaces", labelled=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """What could come next."""

    words: Sequence[str] = ()
    files: bool = False

    def lines(self, begun: str) -> list[str]:
        """As kubectl reads them: those that go on from what is there."""
        fitting = [word for word in self.words if word.startswith(begun)]
        return [*fitting, WITH_FILES if self.files else WITHOUT_FILES]


def main(arguments: Sequence[str] | None = None, *, out: TextIO | None = None) -> int:
    """`kubectl_complete-serin`."""
    *before, begun = (sys.argv[1:] if arguments is None else arguments) or [""]
    (out or sys.stdout).write("\n".join(offer(before, begun).lines(begun)) + "\n")
    return Exit.OK


def offer(before: Sequence[str], begun: str) -> Offer:
    """What could come after some words, where another one is begun."""
    made = parser("kubectl serin")
    command = _command(made, before)
    options = _options(_of(made, command)) if command else _options(made)
    last = options.get(before[-1]) if before else None
    if last is not None and last.nargs != 0:
        return _values(last, before)
    if begun.startswith("-"):
        return Offer([f"{name}\t{one.help or ''}" for name, one in options.items() if name.startswith("--")])
    if command is None:
        return Offer([f"{name}\t{one.meaning}" for name, one in COMMANDS.items()])
    if command == "completion":
        return Offer(tuple(SCRIPTS))
    places = {one.dest for one in _of(made, command)._actions if not one.option_strings}
    if "files" in places:
        return Offer(files=True)
    return Offer([one for one in _names(before) if one not in before]) if "names" in places else Offer()


def _of(made: Parser, command: str) -> argparse.ArgumentParser:
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: argparse.ArgumentParser = action.choices[command]
            return found
    raise ValueError("the command line has no commands")


def _options(made: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: one for one in made._actions for name in one.option_strings}


def _command(made: Parser, before: Iterable[str]) -> str | None:
    """The command that was named, past the options before it and their values."""
    options, skip = _options(made), False
    for word in before:
        if skip:
            skip = False
        elif word in options:
            skip = options[word].nargs != 0
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
    return None


def _values(option: argparse.Action, before: Sequence[str]) -> Offer:
    match option.dest:
        case "namespace":
            return Offer(_namespaces(before))
        case "context":
            kubeconfig = _value(before, "--kubeconfig")
            return Offer(contexts_in(Path(kubeconfig) if kubeconfig else None))
        case "kubeconfig" | "file" | "catalogue":
            return Offer(files=True)
        case _:
            return Offer([str(one) for one in option.choices or ()])


def _value(before: Sequence[str], *names: str) -> str | None:
    """What an option was given, as its own word or behind `=`."""
    for index, word in enumerate(before):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else next(iter(before[index + 1 :]), None)
    return None


def _place(before: Sequence[str]) -> Place:
    kubeconfig = _value(before, "--kubeconfig")
    path = Path(kubeconfig) if kubeconfig else None
    return place_of(path, _value(before, "--context"), _value(before, "-n", "--namespace"))


def _names(before: Sequence[str]) -> list[str]:
    place = _place_or_none(before)
    return _asked(place, None) if place else []


def _namespaces(before: Sequence[str]) -> list[str]:
    place = _place_or_none(before)
    return _asked(place, NAMESPACES) if place else []


def _place_or_none(before: Sequence[str]) -> Place | None:
    try:
        return _place(before)
    except Trouble:
        return None


def _asked(place: Place, kind: Kind | None) -> list[str]:
    """Names that the cluster has; none where it cannot be asked: Tab is no moment for errors."""
    try:
        return asyncio.run(_listed(place, kind))
    except (Trouble, KubeError, TimeoutError):
        return []


async def _listed(place: Place, kind: Kind | None) -> list[str]:
    async with asyncio.timeout(PATIENCE), Cluster.reached(place) as cluster:
        found = (
            await cluster.models(place.namespace) if kind is None else (await cluster.listed(kind, None))[0]
        )
    return [one["metadata"]["name"] for one in found]
