"""What the story proves: its figures, and what is wrong with them.

A failure is charged to version 3 where the data plane's own log says that its pods got the request. Where no
such log is to be had it is charged by time: to version 3 as long as that had traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.cluster.traffic import Results
from tests.demo.story import PROMOTED, READY, ROLLED_BACK, Chapter, Lost, Story

WANTED: Final = {"1": READY, "2": PROMOTED, "3": ROLLED_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures. Seconds count from the first bad answer; None is a moment that never came or is hidden."""

    sent: int
    failed: int
    bad: int
    """Failures of requests that went to version 3."""
    to_route: float | None
    """Until the route said 0."""
    to_data_plane: float | None
    """Until the proxy served 0."""
    to_last_request: float | None
    """Until version 3 got its last request."""

    first_losses: str = ""
    """The first failures of all, a line each."""

    @property
    def elsewhere(self) -> int:
        """Failures that only Serin, or the road to it, can explain."""
        return self.failed - self.bad


async def concluded(story: Story) -> Summary:
    """The figures, once the story is told or has broken off."""
    results = story.users.results if story.users else Results()
    third = next((one for one in story.chapters if one.version == "3"), None)
    if third is None:
        return Summary(
            sent=len(results.sent),
            failed=len(results.lost()),
            bad=0,
            to_route=None,
            to_data_plane=None,
            to_last_request=None,
            first_losses=results.story(),
        )
    log = await story.stage.witness.lost(len(results.sent))
    bad = charged(log, results, third)
    began = min((one.done for one in results.lost(third.began)), default=None)
    return Summary(
        sent=len(results.sent),
        failed=len(results.lost()),
        bad=len(bad),
        to_route=_between(began, _zero_in_route(story, third, began)),
        to_data_plane=_between(began, story.stage.witness.zero_at(third.revision, began or 0)),
        to_last_request=_between(began, max([*bad, *_reached(results, "3")], default=None)),
        first_losses=results.story(),
    )


def problems(chapters: Sequence[Chapter], summary: Summary) -> list[str]:
    """What keeps the story from being a proof, in sentences; nothing when all went as it should."""
    ends = {chapter.version: chapter.outcome or "under way" for chapter in chapters}
    found = [
        f"version {version}: {ends.get(version, 'not begun')}, and should end as: {wanted}"
        for version, wanted in WANTED.items()
        if ends.get(version) != wanted
    ]
    for chapter in chapters:
        if chapter.outcome == PROMOTED and not chapter.judged:
            found.append(f"version {chapter.version}: no pod was seen while it was judged")
        if gone := len(chapter.judged - chapter.serving) if chapter.outcome == PROMOTED else 0:
            found.append(
                f"version {chapter.version}: {gone} of {len(chapter.judged)} judged pods do not serve"
            )
    if ends.get("3") == ROLLED_BACK and not summary.bad:
        found.append("version 3 gave no bad answer, so nothing was proved")
    if summary.elsewhere:
        failed = f"{summary.elsewhere} requests failed that version 3 does not explain"
        found.append("\n".join(filter(None, (failed, summary.first_losses))))
    return found


def charged(log: Sequence[Lost] | None, results: Results, third: Chapter) -> list[float]:
    """When the failed requests were sent that version 3 got: by the data plane's log, else by time."""
    if log is not None:
        return [one.at for one in log if one.revision == third.revision]
    reached = _reached(results, "3")
    return [one.at for one in results.lost(third.began, max(reached) + 1)] if reached else []


def _reached(results: Results, version: str) -> list[float]:
    return [one.at for one in results.sent if one.revision == version]


def _zero_in_route(story: Story, third: Chapter, began: float | None) -> float | None:
    routed = story.record.seen.routed
    later = (one.at for one in routed if one.at > (began or 0) and not one.weights.get(third.revision))
    return next(later, None)


def _between(began: float | None, ended: float | None) -> float | None:
    return None if began is None or ended is None else ended - began
