"""Amounts of resources in one spelling: `cpu: 1`, `"1"` and `"1000m"` are one wish, so they have one hash.

The spelling is the one Kubernetes itself prints: no fraction, the largest suffix that leaves a whole number,
powers of 1024 where they were written as such. What has no suffix is a number, not text, as the golden hashes
have it. Only the hash reads this; what a person wrote is rendered as written.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any, Final

_SPELLING: Final = re.compile(r"(?P<number>[+-]?[0-9]*\.?[0-9]*)(?P<suffix>[KMGTPE]i|[numkMGTPE]?|[eE].+)")
_NANO: Final = Fraction(1, 10**9)
_DECIMAL: Final[Mapping[str, Fraction]] = {
    "E": Fraction(10**18),
    "P": Fraction(10**15),
    "T": Fraction(10**12),
    "G": Fraction(10**9),
    "M": Fraction(10**6),
    "k": Fraction(10**3),
    "": Fraction(1),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": _NANO,
}
_BINARY: Final[Mapping[str, Fraction]] = {
    f"{letter}i": Fraction(1024**power) for power, letter in reversed(list(enumerate("KMGTPE", start=1)))
}
_LONGEST: Final = 64
"""Characters of a number that is worth reading; the server caps what is larger."""


def canonical(quantity: int | str) -> int | str:
    """The one spelling of an amount; text that is none stays as it is."""
    text = str(quantity)
    found = _SPELLING.fullmatch(text)
    if found is None or not any(map(str.isdigit, found["number"])) or len(text) > _LONGEST:
        return quantity
    suffix = found["suffix"]
    scale = _BINARY.get(suffix) or _DECIMAL.get(suffix) or _exponent(suffix)
    if scale is None:
        return quantity
    amount = ceil(Fraction(found["number"].removesuffix(".")) * scale / _NANO) * _NANO
    if suffix in _BINARY and abs(amount) >= 1024 and amount.denominator == 1:
        return _spelt(amount, {**_BINARY, "": Fraction(1)})
    return _spelt(amount, _DECIMAL)


def _exponent(suffix: str) -> Fraction | None:
    """What `e3` multiplies by; None where the server would have to cap it."""
    power = suffix[1:]
    return Fraction(10) ** int(power) if re.fullmatch("[+-]?[0-9]{1,2}", power) else None


def _spelt(amount: Fraction, suffixes: Mapping[str, Fraction]) -> int | str:
    """In the largest unit that leaves a whole number."""
    suffix = next((one for one in suffixes if (amount / suffixes[one]).denominator == 1), "")
    whole = int(amount / suffixes[suffix]) if amount else 0
    return f"{whole}{suffix}" if suffix and whole else whole


def plain_resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Limits and requests with each amount in its one spelling."""
    return {
        kind: {name: canonical(amount) for name, amount in amounts.items()}
        for kind, amounts in resources.items()
    }
