"""A real terminal, as tmux has it: keys go in, and what a person would see comes out.

tmux is Debian's `tmux`; `find` says so where it is missing.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.cluster.binaries import Missing
from tests.cluster.waiting import PATIENT, until

WIDTH, HEIGHT = 132, 44
PROMPT: Final = "$ "


def find() -> Path:
    """tmux, on PATH.

    Raises:
        Missing: It is not installed.
    """
    path = shutil.which("tmux")
    if path is None:
        raise Missing("tmux is not on PATH, and the plugin's screens need it: sudo apt-get install tmux")
    return Path(path)


class Terminal:
    """One shell in a terminal of its own; gone when left.

    Args:
        folder: For its socket; it must be short.
        environment: What the shell has beside PATH and HOME.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._tmux, self._socket = find(), folder / "tmux"
        self._environment = dict(environment)

    async def __aenter__(self) -> Self:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {"TERM": "screen-256color", "PS1": PROMPT, "LC_ALL": "C.UTF-8", **self._environment}
        shell = ["env", "-i", *(f"{name}={value}" for name, value in {**kept, **own}.items())]
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        await self._asked(
            "-f", "/dev/null", "new-session", "-d", *size, *shell, "bash", "--norc", "--noprofile"
        )
        await until(self.screen, lambda seen: seen.startswith(PROMPT.strip()), what="the shell's prompt")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._asked("kill-server")

    async def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names of them."""
        await self._asked("send-keys", *keys)

    async def type(self, text: str) -> None:
        """Type text as it is, without Enter."""
        await self._asked("send-keys", "-l", text)

    async def run(self, command: str, *, within: float = PATIENT) -> str:
        """Type a command on a clear screen and wait for the next prompt; what it left on the screen."""
        await self.begin(command)
        return _without_prompt(await self.until_prompt(within=within))

    async def begin(self, command: str) -> None:
        """Type a command on a clear screen, and leave the rest to it."""
        await self.clear()
        await self.type(command)
        await self.keys("Enter")

    async def clear(self) -> None:
        """Leave nothing but the prompt."""
        await self.keys("C-l")
        await until(self.screen, lambda seen: seen.strip() == PROMPT.strip(), what="a clear screen")

    async def until_seen(self, *patterns: str) -> str:
        """Wait until the screen shows all of these regular expressions; the screen."""

        def seen(screen: str) -> bool:
            return all(re.search(one, screen) for one in patterns)

        return await until(self.screen, seen, what=f"{' and '.join(patterns)} on the screen")

    async def until_prompt(self, *, within: float = PATIENT) -> str:
        """Wait until the shell waits for another command; the screen."""

        def waits(seen: str) -> bool:
            lines = seen.rstrip().splitlines()
            return len(lines) > 1 and lines[-1].strip() == PROMPT.strip()

        return await until(self.screen, waits, within=within, what="the next prompt")

    async def screen(self, *, colours: bool = False) -> str:
        """All that is to be seen, without blanks at the ends of lines; with escapes where it is asked for."""
        shown = await self._asked("capture-pane", "-p", *(["-e"] if colours else []))
        return "\n".join(line.rstrip() for line in shown.splitlines())

    async def _asked(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._tmux,
            "-S",
            self._socket,
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name != "TMUX"},
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise AssertionError(f"tmux {words[0]}: {said.decode()}")
        return said.decode()


def _without_prompt(screen: str) -> str:
    return "\n".join(screen.rstrip().splitlines()[:-1]).rstrip()
