"""The picture of a replay: that there is one, that it shows what was decided, and what is said without it."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from serin.__main__ import main
from serin.workbench.plot import CannotPlot, drawn, save
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from tests.unit.workbench.recordings import INTERVAL, START, document


@pytest.fixture
def harmful() -> Replay:
    return replay(recording_of(document(canary=(75, 7.5), weights=[[START, 5], [START + 600, 25]])))


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_format_is_that_of_the_name(harmful: Replay, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rollout.{ending}"

    save(harmful, file)

    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    assert file.read_bytes().startswith(begins)
    if ending == "svg":
        ElementTree.fromstring(file.read_text())  # noqa: S314


def test_the_curves_are_the_timeline(harmful: Replay) -> None:
    figure = drawn(harmful)

    _, _, evidence = figure.axes
    curve, limit = evidence.lines[:2]
    assert np.asarray(curve.get_xdata()).tolist() == [look.at for look in harmful.looks]
    assert limit.get_ydata() == pytest.approx([100, 100])
    changes = [np.asarray(line.get_xdata()).tolist()[0] for line in evidence.lines[2:]]
    assert changes == [START, START + 40 * INTERVAL]


def test_verdicts_and_weights_are_named(harmful: Replay) -> None:
    figure = drawn(harmful)

    words = {text.get_text().strip() for axes in figure.axes for text in axes.texts}
    assert {"Harm", "5 %", "25 %"} <= words
    assert figure.get_suptitle().startswith("Harm since")


def test_several_signals_are_side_by_side() -> None:
    plain = document()
    arms = {name: plain.pop(name) for name in ("stable", "canary")}
    both = [{"kind": "errors", **arms}, {"kind": "counters", "name": "fallbacks", **arms}]

    figure = drawn(replay(recording_of(plain | {"signal": None, "signals": both})))

    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["errors", "fallbacks"]
    assert len(figure.axes) == 6


def test_without_matplotlib_the_cure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording.json"
    recording.write_text(json.dumps(document()))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    assert main(["replay", str(recording), f"--plot={tmp_path / 'a.svg'}"]) == 2

    assert capsys.readouterr().err == "serin replay: a picture needs matplotlib: pip install 'serin[plot]'\n"


def test_an_unknown_format_is_named_with_those_there_are(harmful: Replay) -> None:
    with pytest.raises(CannotPlot, match=r"rollout\.gif: need a name that ends in \.svg, \.png, \.pdf"):
        save(harmful, Path("rollout.gif"))
