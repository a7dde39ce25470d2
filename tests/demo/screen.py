"""The story as it is seen: live in a terminal, as plain lines in a file or a pipe."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.demo.models import NAME
from tests.demo.story import Story
from tests.demo.summary import Summary

LIVE_SECONDS: Final = 0.5
PLAIN_SECONDS: Final = 5.0
BAR: Final = 40
STYLES: Final = {"1": "cyan", "2": "green", "3": "red"}


class Screen:
    """Follows a story until its task is cancelled."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.time()
        self._said = ""

    def say(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def follow(self, story: Story) -> None:
        """Show the story as it goes on."""
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while True:
                    self._transitions(story)
                    live.update(self._picture(story), refresh=True)
                    await asyncio.sleep(LIVE_SECONDS)
        due = 0.0
        while True:
            self._transitions(story)
            if time.time() >= due:
                self.say(f"{self._clock()}  {' · '.join(_figures(story))}")
                due = time.time() + PLAIN_SECONDS
            await asyncio.sleep(LIVE_SECONDS)

    def conclude(self, story: Story, summary: Summary, problems: Sequence[str]) -> None:
        """The table at the end, and what is wrong."""
        table = Table(title="\nWhat happened", title_justify="left", show_header=False, min_width=72)
        table.add_column()
        table.add_column(justify="right")
        for chapter in story.chapters:
            took = f" in {chapter.ended - chapter.began:.0f} s" if chapter.ended else ""
            table.add_row(f"version {chapter.version}", f"{chapter.outcome or 'did not end'}{took}")
            if chapter.judged and chapter.version == "2":
                stayed = len(chapter.judged & chapter.serving)
                table.add_row("  pods that were judged, and serve now", f"{stayed} of {len(chapter.judged)}")
        table.add_section()
        for row in figures(summary):
            table.add_row(*row)
        self._console.print(table)
        for problem in problems:
            self._console.print(Text(f"Not as it should be: {problem}", style="bold red"))
        if not problems:
            self._console.print(Text("All as it should be.", style="bold green"))

    def _transitions(self, story: Story) -> None:
        """Say what the ModelDeployment's status says, whenever its phase or step has changed."""
        status = story.record.seen.status
        step = (status.get("canary") or {}).get("step", "")
        phase = " ".join(part for part in (status.get("phase"), step) if part)
        if phase and phase != self._said:
            self._said = phase
            self.say(f"{self._clock()}  {phase}: {status.get('message', '')}")

    def _picture(self, story: Story) -> Group:
        table = Table.grid(padding=(0, 2))
        answers = story.users.tally().by_version if story.users else {}
        weights = _weights(story)
        for chapter in story.chapters:
            weight = weights.get(chapter.revision, 0)
            bar = Text("█" * round(weight / 100 * BAR), style=STYLES[chapter.version])
            table.add_row(
                f"version {chapter.version}",
                bar,
                f"{weight} %",
                f"{answers.get(chapter.version, 0):,} answers",
            )
        message = story.record.seen.status.get("message", "")
        lines = [f"{self._clock()}  {' · '.join(_figures(story)[:2])}", *_evidence(story), message]
        return Group(Text(), table, *(Text(line, overflow="fold") for line in lines if line))

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.time() - self._began), 60)
        return f"{minutes:02}:{seconds:02}"


def figures(summary: Summary) -> list[tuple[str, str]]:
    """The summary's rows. What nobody could see is left out: without a route, no weight in it."""
    return [
        ("requests sent", f"{summary.sent:,}"),
        ("failed", f"{summary.failed:,}"),
        ("  sent to version 3", f"{summary.bad:,}"),
        ("  all others", f"{summary.elsewhere:,}"),
        *(
            (f"first bad answer to {what}", f"{seconds:.1f} s")
            for what, seconds in (
                ("weight 0 in the route", summary.to_route),
                ("weight 0 in the proxy", summary.to_data_plane),
                ("the last request for version 3", summary.to_last_request),
            )
            if seconds is not None
        ),
    ]


def _weights(story: Story) -> dict[str, int]:
    """By revision: the route's where there is one, else what the status says."""
    if story.record.seen.routed:
        return story.record.seen.routed[-1].weights
    arms = (story.record.seen.status.get(arm) for arm in ("stable", "canary"))
    return {arm["revision"]: arm["weight"] for arm in arms if arm}


def _figures(story: Story) -> list[str]:
    names = {chapter.revision: f"version {chapter.version}" for chapter in story.chapters}
    weights = [
        f"{names.get(revision, revision.removeprefix(NAME))} {weight} %"
        for revision, weight in _weights(story).items()
        if weight
    ]
    tally = story.users.tally() if story.users else None
    asked = f"{tally.sent:,} requests, {tally.failed:,} failed" if tally else "nobody asks yet"
    return [", ".join(weights) or "no weights yet", asked, *_evidence(story)]


def _evidence(story: Story) -> list[str]:
    """What is judged now; a verdict outlives its rollout, and then it is no news."""
    status = story.record.seen.status
    signals = (status.get("analysis") or {}).get("signals") or [] if status.get("canary") else []
    return [
        f"{one['name']}: {one['verdict']}, evidence {one['evidence']}, "
        f"canary {one['canary']['bad']} bad of {one['canary']['events']}, "
        f"stable {one['stable']['bad']} of {one['stable']['events']}"
        for one in signals
    ]
