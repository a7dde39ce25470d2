"""How the model server of the tests behaves, and misbehaves; each field is what one test is about.

Told by the environment, overridden by `behaviour.json` beside the model (so that the model's URI alone makes
a version bad), overridden by `PUT /behaviour` while it runs.
"""

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any


class Ailment(StrEnum):
    """What is wrong with the metrics."""

    NONE = ""
    RENAMED = "renamed"
    """The counters have other names, as after an upgrade of the server."""
    RETYPED = "retyped"
    """The counters of requests are gauges that count down: one that rises by chance looks like a counter."""
    NAN = "nan"
    """The counters of requests are not a number."""
    CROWDED = "crowded"
    """The counters of requests have a label whose values do not end: 100,000 series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the server behaves; each field is set by the environment variable of its name in capitals."""

    error_rate: float = 0.0
    """Probability that an inference fails with a 500, drawn from a generator with `seed`."""
    error_every: int = 0
    """Every so manieth inference fails with a 500; 0 for none."""
    masked_every: int = 0
    """Every so manieth inference fails behind a 200: an error in the body, and in its own counter only."""
    fallback_every: int = 0
    """Every so manieth inference is answered by the fallback, which its own counter tells."""
    latency_seconds: float = 0.0
    slow_rate: float = 0.0
    """Probability that an inference takes `slow_seconds` longer."""
    slow_every: int = 0
    """Every so manieth inference takes `slow_seconds` longer."""
    slow_seconds: float = 1.0
    cold_seconds: float = 0.0
    """For so long after its start every inference takes `slow_seconds` longer."""
    score_shape: float = 2.0
    """Scores are drawn from Beta(this, 5)."""
    seed: int = 0
    load_seconds: float = 0.0
    """How long the model loads: the server is live, but neither ready nor able to infer."""
    early: bool = False
    """Calls itself ready while the model still loads; inferences fail with a 503 meanwhile."""
    ready: bool = True
    """False takes readiness away; inferences go on being answered, as a server that is told to drain does."""
    flapping: bool = False
    """Readiness comes and goes, for some seconds each."""
    crash_after_seconds: float = 0.0
    """The process exits with code 3 this long after its start; 0 for never."""
    crash_every: int = 0
    """The process exits with code 3 in place of every so manieth answer."""
    ignore_sigterm: bool = False
    scrape_seconds: float = 0.0
    """How long its metrics take to be answered."""
    tells_start: bool = True
    """Whether its metrics say when the process began."""
    ailment: Ailment = Ailment.NONE


def behaviour_of(environ: dict[str, str], model: Path) -> Behaviour:
    """What the environment says, overridden by behaviour.json beside the model."""
    told: dict[str, Any] = {}
    for field in fields(Behaviour):
        if text := environ.get(field.name.upper()):
            told[field.name] = json.loads(text)
    beside = model / "behaviour.json"
    if beside.exists():
        told |= json.loads(beside.read_text())
    return Behaviour(**told)
