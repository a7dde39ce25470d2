"""When a gateway that reports nothing is taken to have a route."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from serin.domain.intent import RouterKind
from serin.domain.routers.choice import ROUTERS
from serin.domain.routers.router import UNREPORTED
from tests.search.one_look import observed
from tests.search.scope import NOW


@pytest.mark.parametrize(
    ("written", "confirmed"),
    [(NOW - UNREPORTED, True), (NOW - UNREPORTED + timedelta(seconds=1), False), (None, False)],
    ids=["long enough ago", "just now", "nobody knows when"],
)
def test_where_nobody_reports_a_route_counts_some_time_after_it_was_written(
    written: datetime | None, confirmed: bool
) -> None:
    seen = observed()
    assert seen.route is not None
    silent = replace(seen, route=replace(seen.route, reported=False, accepted=False))

    assert ROUTERS[RouterKind.GATEWAY_API].confirmed(silent, written, NOW) is confirmed
