"""The command line of `kubectl serin`: words become options, and what goes wrong a line and an exit code."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from serin.plugin import parsing
from serin.plugin.exits import Exit, Trouble, in_words
from serin.plugin.session import Session
from serin.plugin.terminal import Terminal

PROGRAM: Final = "kubectl serin"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    asked = sys.argv[1:] if arguments is None else arguments
    try:
        return asyncio.run(done(asked, Terminal(sys.stdout, sys.stderr)))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough, as `head` does; Python would complain once more when it closes the stream.
        sys.stderr.close()
        return Exit.OK


async def done(arguments: Sequence[str], terminal: Terminal) -> int:
    """The same in a loop that runs already."""
    try:
        options = parsing.parser(PROGRAM).parse_args(arguments)
    except parsing.BadUsage as error:
        terminal.warn(f"error: {error}")
        return Exit.USAGE
    except SystemExit as ended:  # --help
        return int(ended.code or 0)
    if options.no_color:
        terminal.colour = False
    try:
        with in_words():
            code: int = await options.act(Session(options, terminal))
            return code
    except Trouble as trouble:
        terminal.warn(f"error: {trouble}")
        return trouble.code
