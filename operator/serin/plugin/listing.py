"""Many models, one line each."""

from collections.abc import Iterable
from datetime import datetime

from serin.plugin.models import Model
from serin.plugin.terminal import Line, Span, Tone, table
from serin.plugin.words import age, marked


def listing(models: Iterable[Model], now: datetime, *, namespaces: bool, wide: bool = False) -> list[Line]:
    """A table of models."""
    heads = ["NAME", "STATUS", "STEP", "WEIGHT", "READY", "STABLE", "CANARY", "AGE"]
    heads = ["NAMESPACE", *heads] if namespaces else heads
    rows: list[list[Span | str]] = [[Span(one, Tone.FAINT) for one in [*heads, *_wide_heads(wide)]]]
    for model in models:
        row: list[Span | str] = [model.key.namespace] if namespaces else []
        rows.append([*row, *_row(model, now), *([model.message] if wide else [])])
    return table(rows)


def _wide_heads(wide: bool) -> list[str]:
    return ["MESSAGE"] if wide else []


def _row(model: Model, now: datetime) -> list[Span | str]:
    status = model.status
    step = f"{status.rollout.step + 1}/{len(model.steps)}" if status.canary and status.rollout else "-"
    told = model.reason if model.seen and model.reason else model.health.value
    return [
        model.key.name,
        marked(model.health, "Ready" if told == "Complete" else told),
        step,
        f"{status.canary.weight} %" if status.canary else "-",
        f"{status.ready_replicas or 0}/{status.replicas or 0}",
        status.stable.version or status.stable.revision if status.stable else "-",
        status.canary.version or status.canary.revision if status.canary else "-",
        age(model.created, now),
    ]
