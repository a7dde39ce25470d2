"""Requests and what is bad of them, counted at two ports of a pod, or labelled in two ways."""

import json
from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.workbench.matrices import InvalidRecording
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from tests.unit.workbench.recordings import document


def replayed(told: dict[str, Any]) -> Replay:
    return replay(recording_of(told))


def at_two_ports(told: dict[str, Any]) -> dict[str, Any]:
    """The same, had each pod's bad requests been scraped at another port than all of them."""
    parted: dict[str, Any] = json.loads(json.dumps(told))
    for arm in ("stable", "canary"):
        for port, key in enumerate(("requests", "bad")):
            parted[arm][key]["result"][0]["metric"]["instance"] = f"10.0.0.1:900{port}"
    return parted


def test_what_is_bad_may_be_counted_at_another_port_of_the_pod() -> None:
    failing = document(canary=(75, 15))

    assert replayed(at_two_ports(failing)).looks == replayed(failing).looks


def test_while_the_port_that_tells_of_bad_is_silent_nothing_is_taken_for_good() -> None:
    told = at_two_ports(document())
    bad = told["canary"]["bad"]["result"][0]
    bad["values"] = bad["values"][:20]

    found = replayed(told)

    last = found.looks[-1]
    assert last.assessment.signals[0].canary.events == pytest.approx(75 * 19)
    assert (last.verdict, last.assessment.reason) == (Verdict.NO_DATA, "AwaitingTraffic")


def labelled(told: dict[str, Any], requests: dict[str, str], bad: dict[str, str]) -> dict[str, Any]:
    """The same, with further labels of the scraping."""
    found: dict[str, Any] = json.loads(json.dumps(told))
    for arm in ("stable", "canary"):
        found[arm]["requests"]["result"][0]["metric"] |= requests
        found[arm]["bad"]["result"][0]["metric"] |= bad
    return found


@pytest.mark.parametrize(
    ("requests", "bad"),
    [
        ({"job": "a", "instance": "10.0.0.1:80"}, {}),
        ({"job": "a", "instance": "10.0.0.1:80"}, {"job": "a"}),
        ({"job": "a"}, {"job": "a", "prometheus": "b"}),
        ({}, {"job": "a", "instance": "10.0.0.1:80"}),
    ],
)
def test_labels_of_the_scraping_that_one_of_them_lacks_do_not_part_them(
    requests: dict[str, str], bad: dict[str, str]
) -> None:
    failing = document(canary=(75, 15))

    assert replayed(labelled(failing, requests, bad)).looks == replayed(failing).looks


def test_what_another_job_has_scraped_is_not_left_out_in_silence() -> None:
    with pytest.raises(
        InvalidRecording, match=r"^canary.bad: pod is .new.; canary.requests has no series of .* job"
    ):
        recording_of(labelled(document(), {"job": "a"}, {"job": "b"}))
