"""Rules of fixed thresholds do what the controllers' sources say, so that the comparison is fair."""

import pytest

from serin.domain.analysis.counters import Series
from serin.workbench.recording import Recording, recording_of
from serin.workbench.rules import Rule, Style, rate, rolls_back_at
from tests.unit.workbench.recordings import START, arm, document

MINUTE = 60.0


def recorded(**changes: object) -> Recording:
    return recording_of(document(**changes))  # type: ignore[arg-type]


def rule(style: Style, *, allowed: float = 0.05, failures: int = 3, delay: float = 60.0) -> Rule:
    return Rule(style=style, allowed=allowed, failures=failures, delay=delay)


def counter(*samples: tuple[float, float]) -> Series:
    return Series({}, samples)


@pytest.mark.parametrize(
    ("samples", "per_second"),
    [
        pytest.param([(15, 10), (30, 20), (45, 30)], 40 / 60, id="to the edges where they are near"),
        pytest.param([(30, 100), (45, 110)], 25 / 60, id="half a gap where not"),
        pytest.param([(15, 1), (30, 11), (45, 21)], (20 * (30 + 1.5 + 15) / 30) / 60, id="not below zero"),
        pytest.param([(15, 30), (30, 40), (45, 5)], 15 * 2 / 60, id="over a reset"),
    ],
)
def test_rate_is_that_of_prometheus(samples: list[tuple[float, float]], per_second: float) -> None:
    assert rate(counter(*samples), 60, MINUTE) == pytest.approx(per_second)


def test_rate_needs_two_samples_in_the_window() -> None:
    assert rate(counter((0, 1), (30, 2)), 60, MINUTE) is None


def test_flagger_acts_one_look_after_the_last_failure_it_bears() -> None:
    failing = recorded(canary=(75, 15))

    assert rolls_back_at(rule(Style.FLAGGER, failures=3), failing) == START + 4 * MINUTE


def test_argo_acts_on_the_first_failure_it_does_not_bear() -> None:
    failing = recorded(canary=(75, 15))

    assert rolls_back_at(rule(Style.ARGO, failures=3), failing) == START + 4 * MINUTE
    assert rolls_back_at(rule(Style.ARGO, failures=0), failing) == START + MINUTE


@pytest.mark.parametrize("style", Style)
def test_what_stays_below_the_threshold_passes(style: Style) -> None:
    assert rolls_back_at(rule(style), recorded(canary=(75, 1))) is None


@pytest.mark.parametrize(("style", "at"), [(Style.FLAGGER, 4), (Style.ARGO, 4)])
def test_without_requests_a_check_fails(style: Style, at: int) -> None:
    """Nought by nought is NaN, which both count as a failure: an idle model is rolled back."""
    assert rolls_back_at(rule(style), recorded(canary=(0, 0))) == START + at * MINUTE


@pytest.mark.parametrize(("style", "at"), [(Style.FLAGGER, 14), (Style.ARGO, 15)])
def test_without_samples_a_check_fails_or_is_an_error(style: Style, at: int) -> None:
    """Scrapes end at minute 10 for one pod and go on for nobody: three failures, or five errors in a row."""
    ends = document()
    gone = arm((75, 0), pod="new", first=0, last=40)
    alone = arm((0, 0), pod="mute", first=78, last=80)
    ends["canary"] = {key: gone[key]["result"] + alone[key]["result"] for key in gone}

    assert rolls_back_at(rule(style, failures=3), recording_of(ends)) == START + at * MINUTE
