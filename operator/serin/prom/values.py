"""Prometheus' JSON into plain numbers, for what looks at the present and not at samples."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """The answer to an expression: one number for each series, and what the server warned of."""

    numbers: tuple[float, ...]
    warnings: tuple[str, ...] = ()


def parse_values(answer: object) -> Values:
    """The numbers of a successful answer of `/api/v1/query` that is a vector or a scalar.

    Raises:
        ValueError: It is neither, and says what was found.
    """
    if not isinstance(answer, Mapping) or answer.get("status") != "success":
        raise ValueError(f"no successful answer of Prometheus: {str(answer)[:200]}")
    data = answer.get("data")
    numbers: tuple[float, ...]
    try:
        match data:
            case {"resultType": "scalar", "result": [_, number]}:
                numbers = (float(number),)
            case {"resultType": "vector", "result": [*series]}:
                # A native histogram has `histogram` in place of `value`, and is no number.
                numbers = tuple(float(one["value"][1]) for one in series if "value" in one)
            case _:
                raise ValueError(f"a number was asked for and {str(data)[:100]} was answered")
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"a number that cannot be read: {error!r}") from error
    return Values(numbers, tuple(str(one) for one in answer.get("warnings") or ()))
