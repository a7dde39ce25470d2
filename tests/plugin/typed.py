"""`kubectl serin` as it is typed, in this very process: what it wrote, and its exit code."""

import io
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from serin.plugin.command import done
from serin.plugin.terminal import Terminal


class Screen(io.StringIO):
    """What is written to; a terminal where it is said to be one."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str


Type: TypeAlias = Callable[..., Coroutine[Any, Any, Answer]]
"""Types a command, by its words."""


async def typed(*words: str | Path, terminal: bool = False, **environment: str) -> Answer:
    """What the command line answers."""
    out, err = Screen(terminal=terminal), Screen()
    code = await done([str(word) for word in words], Terminal(out, err, environment=environment))
    return Answer(code, out.getvalue(), err.getvalue())


def typing(kubeconfig: Path, namespace: str) -> Type:
    """Types commands for a cluster and a namespace."""

    async def type_(*words: str | Path) -> Answer:
        return await typed(*words, f"--kubeconfig={kubeconfig}", f"--namespace={namespace}")

    return type_
