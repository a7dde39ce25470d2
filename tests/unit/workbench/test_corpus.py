"""The corpus is what its index says, and the judge is right about a sample of it."""

import json
from collections import Counter
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serin.__main__ import main
from serin.domain.analysis.outlook import Outlook
from serin.domain.analysis.verdict import Verdict
from serin.workbench.corpus.catalogue import corpus, examples
from serin.workbench.corpus.command import INDEX, judged_in_parallel
from serin.workbench.corpus.described import Described, Truth
from serin.workbench.corpus.detectable import Chance, chance_of
from serin.workbench.corpus.making import START, document_of
from serin.workbench.corpus.scoring import SERIN, Judged, score
from serin.workbench.corpus.shapes import SHAPES
from serin.workbench.recorded import Kind
from serin.workbench.recording import recording_of

FOLDER = Path(__file__).parents[3] / "docs" / "corpus"
SAMPLE = 11
"""Each so many-th rollout is judged here; all of them are by `serin corpus judge`."""


def index() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / INDEX).read_text().splitlines()]


def told(**changes: Any) -> Described:
    given: dict[str, Any] = {"number": 1, "kind": Kind.ERRORS, "per_second": 100, "usual": 0.01}
    return Described(**(given | changes))


def last(series: list[dict[str, Any]]) -> float:
    return sum(float(one["values"][-1][1]) for one in series)


# What it is


def test_the_index_lists_the_corpus() -> None:
    listed = index()

    assert len(listed) >= 1000
    for line, one in zip(listed, corpus(), strict=True):
        assert line["name"] == one.name
        assert line["truth"] == one.truth
        assert json.loads(json.dumps(one.line())).items() <= line.items()


def test_what_is_expected_follows_from_the_truth() -> None:
    expected = {Truth.HEALTHY: {"not Harm"}, Truth.TOLERABLE: {"not Harm"}, Truth.FAULTY: {"Harm", "any"}}

    for line in index():
        assert line["expected"] in expected[Truth(line["truth"])]


def test_both_sides_and_all_kinds_are_there() -> None:
    truths = Counter(line["truth"] for line in index())
    found = Counter(line["kind"] for line in index() if line["expected"] == "Harm")

    assert min(truths["healthy"], truths["faulty"]) >= 400
    assert set(found) == set(Kind)


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_example_is_made_from_its_line(name: str) -> None:
    kept = json.loads((FOLDER / f"{name}.json").read_text())

    assert kept == json.loads(json.dumps(document_of(examples()[name])))


# How it is made


def test_the_same_line_gives_the_same_recording() -> None:
    one, again, other = (document_of(told(number=number)) for number in (1, 1, 2))

    assert one == again != other


def test_traffic_splits_by_weight_and_is_bad_by_share() -> None:
    made = document_of(told(weights=((0, 25),), fault="x5", seconds=3000))

    canary, stable = made["canary"], made["stable"]
    served = last(canary["requests"]["result"])
    assert served == pytest.approx(100 * 0.25 * 3000, rel=0.03)
    assert last(canary["bad"]["result"]) == pytest.approx(served * 0.05, rel=0.08)
    all_of_it = 100 * (1800 + 0.75 * 3000)
    assert last(stable["requests"]["result"]) == pytest.approx(all_of_it, rel=0.02)
    assert last(stable["bad"]["result"]) == pytest.approx(all_of_it * 0.01, rel=0.08)


def test_without_chance_every_counter_counts_what_is_expected() -> None:
    made = document_of(told(fault="x5", onset=600), by_chance=False)

    (bad,) = made["canary"]["bad"]["result"]
    t, value = bad["values"][-1]
    seconds = int(t - START)
    assert float(value) == pytest.approx(5 * (600 * 0.01 + (seconds - 600) * 0.05))


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_are_shares_of_all_requests(kind: Kind) -> None:
    for name, shares in SHAPES[kind].items():
        assert sum(shares) == pytest.approx(1), name
        assert min(shares) >= 0


def test_a_tolerable_shape_is_within_the_margin_and_a_faulty_one_is_not() -> None:
    healthy = np.cumsum(SHAPES[Kind.SCORES]["none"])
    moved = {name: np.abs(np.cumsum(s) - healthy).max() for name, s in SHAPES[Kind.SCORES].items()}

    assert moved["shifted-a-little"] < 0.05 < min(moved[name] for name in ("shifted", "collapsed", "stuck"))


@pytest.mark.parametrize(
    ("changes", "truth"),
    [
        ({}, Truth.HEALTHY),
        ({"fault": "x2"}, Truth.FAULTY),
        ({"fault": "x2", "usual": 0.001}, Truth.TOLERABLE),
        ({"fault": "x1.2"}, Truth.TOLERABLE),
        ({"kind": Kind.LATENCY, "fault": "slower-by-a-tenth"}, Truth.TOLERABLE),
        ({"kind": Kind.SCORES, "fault": "collapsed"}, Truth.FAULTY),
    ],
)
def test_the_policy_tells_what_is_a_fault(changes: dict[str, Any], truth: Truth) -> None:
    assert told(**changes).truth is truth


@pytest.mark.parametrize(
    ("rate", "usual", "times", "canaries"),
    [(100, 0.01, 5, 2), (100, 0.01, 10, 1), (1000, 0.01, 2, 2), (1000, 0.001, 10, 1), (10, 0.01, 50, 1)],
)
def test_a_fault_is_declared_by_what_the_judge_foretells(
    rate: float, usual: float, times: float, canaries: int
) -> None:
    """The index counts on the time that status would have told, which is found by another way."""
    rollout = told(per_second=rate, usual=usual, fault=f"x{times}", canaries=canaries)
    signal = recording_of(document_of(rollout)).request.policy.signals[0]

    foretold = Outlook(
        signal=signal,
        canary=0.05 * rate,
        stable=0.95 * rate,
        usual=usual,
        phi=1.0,
        limit=log(100),
        interval=15,
        lone_pod=canaries == 1,
    ).seconds_to_find(times)

    assert chance_of(rollout, phi=1.0).needed == pytest.approx(foretold, rel=0.4, abs=30)


# How right the judge is


def test_a_rollback_before_the_fault_is_not_right() -> None:
    early, late = (
        Judged(
            told=told(fault="x5", onset=600),
            verdict=Verdict.HARM,
            phi=1.0,
            chance=Chance(needed=60, left=600),
            rollbacks={SERIN: at},
        )
        for at in (300.0, 660.0)
    )

    found = score([early, late], SERIN)

    assert (found.precision, found.recall, found.delay) == (0.5, 0.5, 60)


def test_the_judge_is_right_about_a_sample() -> None:
    expected = {line["name"]: line["expected"] for line in index()}
    chosen = corpus()[::SAMPLE]

    results = list(judged_in_parallel(chosen, foretell=False))

    assert len(results) >= 100
    wrong = [one.told.name for one in results if one.taken_back(SERIN) and not one.rightly(SERIN)]
    missed = [
        one.told.name for one in results if expected[one.told.name] == "Harm" and not one.rightly(SERIN)
    ]
    assert (wrong, missed) == ([], [])


def test_recordings_are_written_for_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "write", str(tmp_path), "--every=500"]) == 0
    files = sorted(tmp_path.iterdir())
    capsys.readouterr()

    assert main(["replay", "--json", *map(str, files)]) == 0

    told_of = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert told_of == [str(file) for file in files]
    assert len(files) == 3
