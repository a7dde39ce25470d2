"""What a recording says beside its samples: the signal, the times, the policy.

Spelled as in `spec.analysis`, but numbers may be numbers, and what is unknown is ignored: a recording may
carry notes. The matrices are read in `recording`.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from math import isfinite, nan
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from serin.api.analysis import Analysis
from serin.api.analysis import Promotion as AskedPromotion
from serin.api.spelling import Confidence, Points, PositivePoints, Ratio, Risk, Seconds
from serin.domain.analysis.policy import Mode, Policy, Promotion, SignalPolicy

DEFAULTS: Final = Analysis()
"""What `spec.analysis` means where nothing is said."""
DAY: Final = 86_400.0


class Kind(StrEnum):
    """What a signal compares."""

    ERRORS = "errors"
    LATENCY = "latency"
    SCORES = "scores"
    COUNTERS = "counters"


def _number(found: Any, need: str = "need a number") -> float:
    try:
        value = nan if isinstance(found, bool) else float(found)
    except (TypeError, ValueError, OverflowError):
        value = nan
    if not isfinite(value):
        raise _wrong(need)
    return value


def _above_zero(found: Any, need: str) -> float:
    if (value := _number(found, need)) <= 0:
        raise _wrong(need)
    return value


def _seconds(found: Any) -> float:
    need = "need a number of seconds above 0, and at most a day"
    if (value := _above_zero(found, need)) > DAY:
        raise _wrong(need)
    return value


def _milliseconds(found: Any) -> float:
    return _above_zero(found, "need a number of milliseconds above 0")


def _moment(found: Any) -> float:
    return _above_zero(found, "need a time in Unix seconds, such as 1767225600")


def _percent(found: Any) -> float:
    need = "need a percentage from 0 to 100"
    if not 0 <= (value := _number(found, need)) <= 100:
        raise _wrong(need)
    return value


def _whole(found: Any) -> int:
    need = "need a whole number"
    if (value := _number(found, need)) != int(value) or value < 0:
        raise _wrong(need)
    return int(value)


def _weights(found: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
        raise _wrong("need a list of [Unix seconds, percent]")
    return tuple(sorted((_moment(t), _percent(percent)) for t, percent in found))


def _wrong(need: str) -> PydanticCustomError:
    return PydanticCustomError("recorded", "{need}", {"need": need})


def _as_text(found: Any) -> Any:
    """A number as the API writes it: decimal text."""
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if not isinstance(found, float) or not isfinite(found):
        return found
    return format(Decimal(repr(found)), "f")


_Text = BeforeValidator(_as_text)
_Whole = BeforeValidator(_whole)
Moment = Annotated[float, PlainValidator(_moment)]


class Recorded(BaseModel):
    """A part of a recording."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class RecordedSignal(Recorded):
    """What is compared, and by how much it may be worse."""

    kind: Kind
    name: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    max_ratio: Annotated[Ratio, _Text] | None = None
    max_increase_points: Annotated[Points, _Text] | None = None
    max_shift: Annotated[float, PlainValidator(_number), Field(ge=0.01, le=0.5)] | None = None
    max_slowdown: Annotated[float, PlainValidator(_number), Field(ge=1.05, le=10)] | None = None
    slower_than_milliseconds: Annotated[float, PlainValidator(_milliseconds)] | None = None
    importance: Annotated[int, _Whole, Field(ge=1, le=10)] = 1

    @property
    def called(self) -> str:
        """Its name; the kind, unless said."""
        return self.name or self.kind.value


class RecordedPromotion(Recorded):
    """What must be shown before a weight rises."""

    max_ratio: Annotated[Ratio, _Text] = DEFAULTS.promote.max_ratio
    max_increase_points: Annotated[PositivePoints, _Text] = DEFAULTS.promote.max_increase_points
    confidence: Annotated[Confidence, _Text] = DEFAULTS.promote.confidence
    min_requests: Annotated[int, _Whole, Field(ge=1)] = DEFAULTS.promote.min_requests


class RecordedPolicy(Recorded):
    """How the canary is judged: `spec.analysis` without its signals."""

    max_false_rollback_rate: Annotated[Risk, _Text] = DEFAULTS.max_false_rollback_rate
    warm_up_seconds: Annotated[Seconds, _Whole] = DEFAULTS.warm_up_seconds
    promote: RecordedPromotion = RecordedPromotion()

    def with_signals(self, signals: tuple[SignalPolicy, ...]) -> Policy:
        """The policy as the judge has it."""
        return Policy(
            mode=Mode.ENFORCE,
            max_false_rollback_rate=float(self.max_false_rollback_rate),
            warm_up=timedelta(seconds=self.warm_up_seconds),
            promotion=Promotion(
                max_ratio=float(self.promote.max_ratio),
                max_increase=float(self.promote.max_increase_points) / 100,
                confidence=float(self.promote.confidence),
                min_requests=self.promote.min_requests,
            ),
            signals=signals,
        )


class RecordedPod(Recorded):
    """When a pod became Ready; None: it never did."""

    ready: Moment | None = None


class Head(Recorded):
    """All of a recording but its samples."""

    signal: RecordedSignal | None = None
    signals: tuple[RecordedSignal, ...] | None = None
    scrape_interval_seconds: Annotated[float, PlainValidator(_seconds)]
    rollout_start: Moment
    pods: Mapping[str, RecordedPod] = Field(default_factory=dict)
    weights: Annotated[tuple[tuple[float, float], ...], PlainValidator(_weights)] = ()
    policy: RecordedPolicy = RecordedPolicy()


def unknown_field(policy: object) -> str | None:
    """The first field of a policy that `spec.analysis` does not have, by its path."""
    for part, model, path in ((policy, Analysis, ""), (_promotion(policy), AskedPromotion, "promote.")):
        known = {field.alias or name for name, field in model.model_fields.items()}
        unknown = [key for key in part if key not in known] if isinstance(part, Mapping) else []
        if unknown:
            return f"{path}{unknown[0]}"
    return None


def _promotion(policy: object) -> object:
    return policy.get("promote") if isinstance(policy, Mapping) else None
