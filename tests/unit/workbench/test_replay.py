"""The same judge on recorded samples, boundary by boundary, and what is printed of it."""

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from serin.__main__ import main
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Verdict
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from serin.workbench.timeline import as_json, as_text
from tests.unit.workbench.recordings import INTERVAL, START, document, native_arm


def replayed(told: dict[str, Any]) -> Replay:
    return replay(recording_of(told))


BAD = document(canary=(75, 15))
HEADINGS = ["verdict", "canary bad", "stable bad", "ratio [bounds]", "evidence of 100"]
FAILS = document(canary=(75, 75))


# What is found


def test_the_last_word_is_the_operators_on_the_same_samples() -> None:
    recording = recording_of(BAD)
    trial = Trial(recording.request)
    trial.add(recording.answers)

    found = replay(recording)

    expected = trial.assess(START + 80 * INTERVAL)
    assert found.looks[-1].assessment == expected
    assert expected.verdict is Verdict.HARM


def test_where_bad_is_common_harm_is_told_in_points() -> None:
    found = replayed(document(canary=(75, 75), stable=(1425, 1140)))

    assert found.verdict is Verdict.HARM
    assert found.looks[-1].assessment.message.endswith(": 20.0 points more, 5 allowed")


def test_a_late_fault_is_told_with_the_time_that_its_bound_is_of() -> None:
    told = document(last=120)
    for place, pair in enumerate(told["canary"]["bad"]["result"][0]["values"]):
        pair[1] = f"{0.75 * place + 10 * max(0, place - 60):g}"

    found = replayed(told)

    assert found.verdict is Verdict.HARM
    assert " in all, at least 3.1 times in the last 30 s, 1.5 allowed" in found.looks[-1].assessment.message


@pytest.mark.parametrize(
    ("signal", "moved", "verdict"),
    [
        ({"kind": "scores"}, 0, Verdict.SAFE),
        ({"kind": "scores"}, 4, Verdict.HARM),
        ({"kind": "scores", "maxShift": 0.5}, 4, Verdict.SAFE),
        ({"kind": "latency", "maxSlowdown": 1.5}, 1, Verdict.SAFE),
        ({"kind": "latency", "maxSlowdown": 1.5}, 6, Verdict.HARM),
    ],
    ids=["same scores", "doubled scores", "as allowed", "slower by a fifth", "slower by far"],
)
def test_native_histograms_are_compared_as_wholes(
    signal: dict[str, Any], moved: int, verdict: Verdict
) -> None:
    """The canary's observations are so many buckets higher than the stable's."""
    usual = dict.fromkeys(range(-12, 0), 10.0)
    shifted = {place + moved: n for place, n in usual.items()}
    told = document(signal=signal) | {
        "stable": native_arm(usual, pod="old", first=-60, last=80),
        "canary": native_arm(shifted, pod="new", first=0, last=80),
    }

    assert replayed(told).verdict is verdict


def test_every_boundary_from_the_start_to_the_end_is_told() -> None:
    found = replayed(FAILS)

    assert [look.at for look in found.looks] == [START + k * INTERVAL for k in range(81)]


def test_the_verdict_is_dated_to_when_it_began() -> None:
    """A canary that fails wholly is found as soon as two intervals agree."""
    found = replayed(FAILS)

    assert (found.verdict, found.decided_at) == (Verdict.HARM, START + 2 * INTERVAL)


def test_a_healthy_canary_is_safe() -> None:
    assert replayed(document(canary=(75, 0), stable=(1425, 0))).verdict is Verdict.SAFE


def test_numbers_go_on_after_harm() -> None:
    found = replayed(FAILS)

    last = found.looks[-1]
    assert last.signals[0].canary.events == pytest.approx(75 * 80)
    assert last.assessment.signals[0].canary.events == pytest.approx(75 * 2)


def test_counts_at_a_boundary_are_those_up_to_it() -> None:
    for place, look in enumerate(replayed(document()).looks):
        assert look.signals[0].canary.events == pytest.approx(75 * place)
        assert look.signals[0].stable.bad == pytest.approx(14.25 * place)


def test_boundaries_decided_in_one_go_are_told_one_by_one() -> None:
    """While a pod is silent nothing can be decided until it counts as gone: then several at once."""
    told = document()
    gone = document(last=40)["stable"]["requests"]["result"][0]
    gone["metric"] = {**gone["metric"], "pod": "gone"}
    told["stable"]["requests"]["result"].append(gone)

    found = replayed(told)

    assert [look.at for look in found.looks] == [START + k * INTERVAL for k in range(81)]
    assert [look.signals[0].canary.events for look in found.looks] == pytest.approx(
        [75 * k for k in range(81)]
    )


def test_a_new_weight_asks_for_safety_anew() -> None:
    healthy = document(canary=(75, 0), stable=(1425, 0))
    stays = replayed(healthy | {"weights": [[START, 5]]})
    rises = replayed(healthy | {"weights": [[START, 5], [START + 60 * INTERVAL, 5]]})

    at_rise = 60
    assert stays.looks[at_rise + 1].verdict is Verdict.SAFE
    assert rises.looks[at_rise + 1].verdict is Verdict.UNDECIDED


def test_samples_from_before_the_rollout_alone_decide_nothing() -> None:
    found = replayed(document(last=-1))

    assert (found.verdict, found.decided_at, found.looks) == (Verdict.NO_DATA, None, ())


# What is printed


def test_json_has_the_promised_fields() -> None:
    told = as_json(replayed(FAILS))

    assert told["verdict"] == "Harm"
    assert told["decidedAt"] == START + 2 * INTERVAL
    entry = told["timeline"][2]
    assert (entry["t"], entry["verdict"]) == (START + 2 * INTERVAL, "Harm")
    assert entry["canary"] == {"events": 150, "bad": 150}
    assert entry["stable"] == {"events": 2850, "bad": 28.5}
    assert entry["ratio"] == pytest.approx(100)
    assert entry["logEvidence"] > 4.6
    assert {"lower", "upper"} <= entry.keys()
    json.dumps(told, allow_nan=False)


def test_the_ratio_is_null_without_stable_errors() -> None:
    told = as_json(replayed(document(stable=(1425, 0))))

    assert told["timeline"][-1]["ratio"] is None


def test_people_read_what_changed_and_a_sentence() -> None:
    lines = as_text(replayed(FAILS)).splitlines()

    assert re.split("  +", lines[1])[1:] == HEADINGS
    (harm,) = [line for line in lines if line.startswith("00:00:30")]
    assert "Harm" in harm
    assert "150 of 150 (100.00%)" in harm
    assert "28 of 2,850 (1.00%)" in harm
    assert lines[-1].startswith("Harm since 00:00:30, 30 s after the start. errors: 150 bad of 150 on canary")


def test_a_share_that_is_not_checked_is_told() -> None:
    note = "The share of the traffic that the canary got was not checked: the recording has no weights."
    without, with_weights = replayed(FAILS), replayed(FAILS | {"weights": [[START, 5]]})

    assert note in as_text(without)
    assert (as_json(without)["notes"], as_json(with_weights)["notes"]) == ([note], [])


# The command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(FAILS))
    return path


def test_any_verdict_is_a_success(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(file)]) == 0
    assert "Harm since" in capsys.readouterr().out


@pytest.mark.parametrize(("verdict", "code"), [("harm", 1), ("not-safe", 1)])
def test_a_pipeline_may_fail_on_a_verdict(file: Path, verdict: str, code: int) -> None:
    assert main(["replay", str(file), "--fail-on", verdict]) == code


def test_a_pipeline_goes_on_with_a_safe_canary(tmp_path: Path) -> None:
    path = tmp_path / "safe.json"
    path.write_text(json.dumps(document(canary=(75, 0), stable=(1425, 0))))

    assert main(["replay", str(path), "--fail-on", "not-safe"]) == 0


def test_several_files_are_a_line_each(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = file.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))

    main(["replay", "--json", str(file), str(packed)])

    one, other = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (one.pop("file"), other.pop("file")) == (str(file), str(packed))
    assert one == other


def test_a_recording_may_come_through_a_pipe(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))

    assert main(["replay", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "Harm"


def test_another_policy_may_be_tried(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(BAD))
    patient = tmp_path / "policy.yaml"
    patient.write_text("maxFalseRollbackRate: 0.000001\nwarmUpSeconds: 300\nsignals: []\n")

    main(["replay", "--json", str(file), "--policy", str(patient)])

    assert json.loads(capsys.readouterr().out)["decidedAt"] > START + 300


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("maxFalseRolbackRate: 0.1", "maxFalseRolbackRate is not a field of spec.analysis"),
        ("promote: {confidense: 0.9}", "promote.confidense is not a field of spec.analysis"),
        ("{", "no YAML"),
    ],
    ids=["misspelt", "misspelt inside", "no YAML"],
)
def test_every_word_of_a_policy_is_meant(
    file: Path, tmp_path: Path, text: str, need: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)

    assert main(["replay", str(file), "--policy", str(policy)]) == 2

    assert f"{policy}: {need}" in capsys.readouterr().err


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")

    codes = [main(["replay", str(one)]) for one in (broken, tmp_path / "missing.json")]

    first, second = capsys.readouterr().err.splitlines()
    assert codes == [2, 2]
    assert first == f"serin replay: {broken}: scrapeIntervalSeconds is needed (and 1 more)"
    assert second == f"serin replay: {tmp_path / 'missing.json'}: No such file or directory"
