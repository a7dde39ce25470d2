"""What a gateway is asked, and when one that reports nothing is taken to have it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from serin.domain.intent import RouterKind
from serin.domain.routers.choice import ROUTERS
from serin.domain.routers.router import UNREPORTED
from tests.search.one_look import NEW, OLD, ROUTED, UNASKED, WANTED, observed
from tests.search.scope import NOW, intent_of


def test_a_route_gives_every_revision_its_share_of_all_below_the_path() -> None:
    route = ROUTERS[RouterKind.GATEWAY_API].route(intent_of(ROUTED, WANTED, UNASKED), {OLD: 95, NEW: 5})

    assert route is not None
    assert route["spec"] == {
        "parentRefs": [{"name": "public"}],
        "hostnames": ["m.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [
                    {"name": f"m-{OLD}", "port": 80, "weight": 95},
                    {"name": f"m-{NEW}", "port": 80, "weight": 5},
                ],
            }
        ],
    }


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
