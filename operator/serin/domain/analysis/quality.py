"""Whether what was scraped of an arm of late is enough, and good enough, to judge by."""

from collections.abc import Iterable

from serin.domain.analysis.targets import MEMORY_SECONDS, Target


def quality(targets: Iterable[Target], boundary: float) -> tuple[bool, bool]:
    """Whether, of late, over half of an arm's scrapes are missing, or over a fifth of them spoilt."""
    expected = got = bad = 0.0
    for target in targets:
        since = min(max(boundary - MEMORY_SECONDS, target.first or 0.0), boundary)
        expected += (boundary - since) / target.interval
        got += target.scraped_between(since, boundary)
        if target.spoilt:
            bad += len({t for t in target.spoilt if since < t <= boundary})
    return got < expected / 2 - 1, bad > got / 5
