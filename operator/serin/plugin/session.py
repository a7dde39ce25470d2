"""What a command is given: its options, where it writes, and the time."""

import argparse
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from serin.domain.names import Key
from serin.plugin.cluster import KIND_WORDS, Cluster, key_of
from serin.plugin.exits import Exit, Trouble
from serin.plugin.places import Place, place_of
from serin.plugin.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Session:
    """One command under way."""

    options: argparse.Namespace
    terminal: Terminal

    def place(self) -> Place:
        """The cluster and namespace that are meant."""
        options = self.options
        kubeconfig = Path(options.kubeconfig) if options.kubeconfig else None
        return place_of(kubeconfig, options.context, options.namespace)

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """The cluster that is meant."""
        async with Cluster.reached(self.place()) as cluster:
            yield cluster

    def named(self) -> list[Key]:
        """The models that are named; a kind before them is allowed, as in `kubectl get mdep fraud`."""
        names = list(self.options.names)
        if len(names) > 1 and names[0].lower() in KIND_WORDS:
            del names[0]
        namespace = self.place().namespace
        return [key_of(name, namespace) for name in names]

    def key(self) -> Key:
        """The one model that is named."""
        keys = self.named()
        if len(keys) != 1:
            raise Trouble(f"one name is needed, found {len(keys)}", "name one model", code=Exit.USAGE)
        return keys[0]

    @property
    def output(self) -> str | None:
        """What `-o` asks for."""
        asked: str | None = getattr(self.options, "output", None)
        return asked

    @property
    def documents(self) -> bool:
        """Whether a program reads what is written."""
        return self.output in ("json", "yaml")

    def write(self, document: Any) -> None:
        """A document as JSON or YAML, whichever was asked for."""
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if self.output == "yaml":
            # Of what JSON knows, and so without our own types.
            text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True)
        self.terminal.out.write(text)
        self.terminal.out.flush()


Command = Callable[[Session], Awaitable[Exit]]


def now() -> datetime:
    """The time, for ages."""
    return datetime.now(UTC)
