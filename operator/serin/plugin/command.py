"""The command line of `kubectl serin`: words become options, and what goes wrong a line and an exit code."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final, TextIO

from serin.plugin import parsing
from serin.plugin.exits import Exit, Trouble, in_words
from serin.plugin.session import Session
from serin.plugin.terminal import Terminal

PROGRAM: Final = "kubectl serin"


def main(
    arguments: Sequence[str] | None = None, *, out: TextIO | None = None, err: TextIO | None = None
) -> int:
    """Do what the command line says; the exit code."""
    out, err = out or sys.stdout, err or sys.stderr
    try:
        options = parsing.parser(PROGRAM).parse_args(sys.argv[1:] if arguments is None else arguments)
    except parsing.BadUsage as error:
        err.write(f"error: {error}\n")
        return Exit.USAGE
    except SystemExit as ended:  # --help
        return int(ended.code or 0)
    terminal = Terminal(out, err, colour=False if options.no_color else None)
    try:
        with in_words():
            code: int = asyncio.run(options.act(Session(options, terminal)))
            return code
    except Trouble as trouble:
        terminal.warn(f"error: {trouble}")
        return trouble.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough, as `head` does; Python would complain once more when it closes the stream.
        sys.stderr.close()
        return Exit.OK
