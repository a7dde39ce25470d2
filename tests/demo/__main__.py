"""`python -m tests.demo`: tell the story, show it, and say by the exit code whether all went as it should."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from tests.cluster import binaries, network
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.modelserver import environment as modelserver
from tests.cluster.modelserver.environment import Environment
from tests.cluster.waiting import NotInTime
from tests.demo import here, models, summary
from tests.demo.record import Record
from tests.demo.screen import Screen
from tests.demo.story import Stage, Story


def main() -> int:
    """Returns the exit code: 0 only if everything went as it should."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 110)
    screen = Screen(console)
    try:
        installed = modelserver.ready(screen.say)
        network.require()
        found = binaries.ready(screen.say)
        network.enter()
        return asyncio.run(_on_this_machine(screen, found, installed, keep=options.keep))
    except Missing as missing:
        screen.say(f"The demo cannot run here: {missing}")
        return 2


async def _on_this_machine(screen: Screen, found: Binaries, installed: Environment, *, keep: bool) -> int:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serin-demo-")))
        screen.say("Training versions 1 and 2, and 3, which is broken")
        trained = await models.trained(installed.python, folder)
        screen.say("Starting a cluster: control plane, node, gateway, Prometheus, operator")
        running = await stack.enter_async_context(here.cluster(found, installed))
        code = await _told(screen, await here.stage(running), trained)
        if keep:
            screen.say("kept")
        return code


async def _told(screen: Screen, stage: Stage, trained: models.Models) -> int:
    async with Record(stage.api, stage.namespace, routes=stage.routes) as record:
        story = Story(stage, trained, record)
        follower = asyncio.create_task(screen.follow(story))
        found: list[str] = []
        try:
            await story.tell(screen.say)
        except NotInTime as late:
            found.append(str(late))
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
        end = await summary.concluded(story)
        found += summary.problems(story.chapters, end)
        screen.conclude(story, end, found)
        return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="leave everything running, and say how to reach it"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
