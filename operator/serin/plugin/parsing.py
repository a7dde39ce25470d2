"""The words and options of each command, and nothing of what they do.

Options that every command has may stand before the command as after it, as kubectl takes them.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from math import inf
from typing import Any, Final, NoReturn

from serin.plugin.exits import Exit, Trouble
from serin.plugin.ordering import ORDERS
from serin.plugin.reading import explain, get, list_models, show_evidence, show_history
from serin.plugin.session import Command, Session
from serin.plugin.shells import SCRIPTS, completion
from serin.plugin.waiting import duration, status


class BadUsage(Exception):
    """The command line says nothing that can be done; the text says what is wrong and what helps."""


class Parser(argparse.ArgumentParser):
    """One whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong in place of ending the process."""
        if unknown := re.match(r"argument COMMAND: invalid choice: ('[^']*')", message):
            message = f"there is no command {unknown[1]}"
        raise BadUsage(f"{message}; {self.prog} --help shows how")


@dataclass(frozen=True, slots=True)
class Described:
    """A command: what it does in a line, what it is given, and who does it."""

    meaning: str
    arguments: Callable[[Parser], None]
    act: Command


def parser(program: str) -> Parser:
    """The whole command line."""
    made = Parser(
        prog=program,
        description="See and steer the rollouts of machine-learning models.",
        epilog="Exit codes: 0 well, 1 failed, 2 timed out, 3 cannot be done, 64 bad command line.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _common(made, hidden=False)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, one in COMMANDS.items():
        sub = commands.add_parser(name, help=one.meaning, description=one.meaning, allow_abbrev=False)
        _common(sub, hidden=True)
        one.arguments(sub)
        sub.set_defaults(act=one.act)
    for name, cure in ELSEWHERE.items():
        sub = commands.add_parser(name, add_help=False)
        sub.add_argument("rest", nargs=argparse.REMAINDER)
        sub.set_defaults(act=_elsewhere(name, cure))
    return made


def _common(made: Parser, *, hidden: bool) -> None:
    """Options of every command; below the command they must not undo what stood before it."""

    def option(*names: str, default: Any = None, **more: Any) -> None:
        made.add_argument(*names, default=argparse.SUPPRESS if hidden else default, **more)

    option("-n", "--namespace", metavar="NAME", help="the namespace; default: the context's")
    option("--context", metavar="NAME", help="the context of the kubeconfig; default: its current one")
    option("--kubeconfig", metavar="FILE", help="default: KUBECONFIG, else ~/.kube/config")
    option(
        "--no-color", default=False, action="store_true", help="no colours, as NO_COLOR in the environment"
    )


def _names(made: Parser, *, least: str = "+") -> None:
    made.add_argument("names", nargs=least, metavar="NAME", help="NAME or modeldeployment/NAME")


def _output(made: Parser, *more: str) -> None:
    made.add_argument("-o", "--output", choices=("json", "yaml", *more), help="for programs")


def _watch(made: Parser, meaning: str, *, default: bool) -> None:
    made.add_argument("-w", "--watch", action=argparse.BooleanOptionalAction, default=default, help=meaning)


def _many(made: Parser) -> None:
    made.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
    made.add_argument("-l", "--selector", default="", metavar="LABELS", help="only those with these labels")


def _get(made: Parser) -> None:
    _names(made, least="*")
    _watch(made, "go on showing it as it changes", default=False)
    _many(made)
    _output(made, "wide", "name")


def _list(made: Parser) -> None:
    _many(made)
    _output(made, "wide", "name")


def _status(made: Parser) -> None:
    _names(made)
    _watch(made, "wait for the end; --no-watch looks once", default=True)
    made.add_argument(
        "-t",
        "--timeout",
        type=duration,
        default=0.0,
        metavar="TIME",
        help="how long to wait, such as 90s or 30m; default: without end",
    )
    _output(made)


def _evidence(made: Parser) -> None:
    _names(made)
    made.add_argument("--queries", action="store_true", help="with the PromQL by which to check each number")
    _output(made)


def _named(made: Parser) -> None:
    _names(made)
    _output(made)


def _promote(made: Parser) -> None:
    _named(made)
    made.add_argument("--full", action="store_true", help="straight to 100 %%, past all steps")


def _files(made: Parser) -> None:
    made.add_argument("files", nargs="*", metavar="FILE", help="file, folder, or - for the standard input")
    made.add_argument("-f", "--filename", dest="file", action="append", metavar="FILE", help="the same")


def _lint(made: Parser) -> None:
    _files(made)
    made.add_argument("--strict", action="store_true", help="warnings are a failure, too")
    made.add_argument("--catalogue", metavar="FOLDER", help="the operator's own rows, as its --catalogue")
    _output(made)


def _plan(made: Parser) -> None:
    _files(made)
    made.add_argument(
        "--requests-per-second", type=_positive, metavar="N", help="the model's traffic, where you know it"
    )
    made.add_argument("--prometheus", metavar="URL", help="ask it for the traffic, as reached from here")
    made.add_argument(
        "--scrape-interval", type=_positive, default=15.0, metavar="S", help="Prometheus' own, in seconds"
    )
    _output(made)


async def _plan_it(session: Session) -> Exit:
    # Only here: the resource's models take as long to load as all else, and most commands do without.
    from serin.plugin.planning import plan

    return await plan(session)


async def _lint_it(session: Session) -> Exit:
    from serin.plugin.linting import lint

    return await lint(session)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < inf:
        raise argparse.ArgumentTypeError(f"need a number above 0, found {text}")
    return value


def _completion(made: Parser) -> None:
    made.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help=", ".join(SCRIPTS))


def _nothing(made: Parser) -> None:
    del made


async def _version(session: Session) -> Exit:
    session.terminal.say(f"kubectl-serin {version('serin')}")
    return Exit.OK


COMMANDS: Final[Mapping[str, Described]] = {
    "get": Described("show a model as a tree, or all models", _get, get),
    "list": Described("show all models", _list, list_models),
    "status": Described("wait for the end of a rollout; its exit code tells which", _status, status),
    "evidence": Described("what was counted for and against the canary", _evidence, show_evidence),
    "explain": Described("why it is in this state, and what would cure it", _named, explain),
    "history": Described("the rollouts that have ended", _named, show_history),
    "promote": Described("go past the step under way, on your own word", _promote, ORDERS["promote"]),
    "abort": Described("take the canary back now", _named, ORDERS["abort"]),
    "retry": Described("try a revision again that was taken back", _named, ORDERS["retry"]),
    "pause": Described("hold a rollout where it is", _named, ORDERS["pause"]),
    "resume": Described("let a paused rollout go on", _named, ORDERS["resume"]),
    "plan": Described("what applying files would do, step by step, and how long it takes", _plan, _plan_it),
    "lint": Described("check files, without a cluster", _lint, _lint_it),
    "completion": Described("print what makes a shell complete kubectl-serin", _completion, completion),
    "version": Described("print the version", _nothing, _version),
}

ELSEWHERE: Final[Mapping[str, str]] = {
    "undo": "apply the earlier spec again: its revision is kept, and during a bake it returns at once",
    "rollback": "kubectl serin abort NAME takes a canary back; later, apply the earlier spec again",
    "restart": "kubectl rollout restart would change nothing here: change the template to roll new pods out",
    "set": "change the spec: kubectl edit mdep NAME, or where it comes from",
    "terminate": "kubectl serin abort NAME",
    "create": "kubectl apply -f FILE",
    "dashboard": "kubectl serin get NAME -w, or the Grafana dashboards that come with Serin",
}
"""Words of other tools' users, and what takes their place."""


def _elsewhere(name: str, cure: str) -> Command:
    async def act(_: Session) -> Exit:
        raise Trouble(f"there is no {name}", cure, code=Exit.USAGE)

    return act
