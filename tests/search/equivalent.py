"""Mutants that are no faults, each with the reason: no world tells them from the original."""

from typing import Final

EQUIVALENT: Final[dict[str, str]] = {}
