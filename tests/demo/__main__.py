"""`python -m tests.demo`: tell the story, show it, and say by the exit code whether all went as it should."""

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.cluster import binaries, network, prometheus
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.modelserver import environment as modelserver
from tests.cluster.modelserver.environment import Environment
from tests.cluster.processes import Ended
from tests.cluster.waiting import NotInTime
from tests.demo import here, models, summary, there
from tests.demo.record import Record
from tests.demo.screen import Screen
from tests.demo.story import Stage, Story
from tests.demo.users import Users

CANNOT_RUN: Final = 2
INTERRUPTED: Final = 130


def main() -> int:
    """Returns the exit code: 0 only if everything went as it should."""
    options = _parser().parse_args()
    screen = Screen(Console(width=None if sys.stdout.isatty() else 110))
    try:
        installed = modelserver.ready(screen.say)
        if options.context:
            return asyncio.run(_there(screen, installed, options))
        network.require()
        found = binaries.ready(screen.say)
        prometheus.find_prometheus(screen.say)
        doors = here.Doors() if options.keep else None
        network.enter()
        return asyncio.run(_here(screen, found, installed=installed, doors=doors))
    except (Missing, Ended, NotInTime) as problem:
        screen.say(f"The demo cannot run: {problem}")
        return CANNOT_RUN
    except KeyboardInterrupt:
        screen.say("Ended by Ctrl-C, and everything with it")
        return INTERRUPTED


async def _here(screen: Screen, found: Binaries, *, installed: Environment, doors: here.Doors | None) -> int:
    async with AsyncExitStack() as stack:
        trained = await _trained(stack, screen, installed)
        screen.say("Starting a cluster: control plane, node, gateway, Prometheus, operator")
        running = await stack.enter_async_context(here.cluster(found, installed))
        place = await here.place(running)
        code = await _told(screen, place.stage, trained)
        if doors:
            async with doors.opened(place) as how, Users(place.stage.address, trained.flowers):
                screen.say(how)
                await _interrupted()
        return code


async def _there(screen: Screen, installed: Environment, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        trained = await _trained(stack, screen, installed)
        about = there.Options(
            context=options.context,
            namespace=options.namespace,
            prometheus=options.prometheus,
            gateway=options.gateway,
            url=options.url,
            scrape_seconds=options.scrape_seconds,
            keep=options.keep,
        )
        stage = await there.stage(stack, about, folder=trained.folder, say=screen.say)
        return await _told(screen, stage, trained)


async def _trained(stack: AsyncExitStack, screen: Screen, installed: Environment) -> models.Models:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serin-demo-")))
    screen.say("Training versions 1 and 2, and version 3, which is broken")
    return await models.trained(installed.python, folder)


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


async def _interrupted() -> None:
    """Wait for Ctrl-C, or to be asked to end."""
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up, and say how to reach it")
    parser.add_argument("--context", metavar="NAME", help="tell it on the cluster of a kube context")
    more = parser.add_argument_group("with --context")
    more.add_argument("--namespace", default="serin-demo", help="made for the demo (default: %(default)s)")
    more.add_argument("--prometheus", metavar="URL", help="as reached from here; needed if no operator runs")
    more.add_argument("--scrape-seconds", type=int, default=15, help="its interval (default: %(default)s)")
    more.add_argument("--gateway", metavar="NAMESPACE/NAME", help="a Gateway, or none; default: the first")
    more.add_argument("--url", help="where the Gateway is reached from here, if not at its own address")
    return parser


if __name__ == "__main__":
    sys.exit(main())
