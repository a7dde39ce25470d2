"""Tests that have operators of their own, begun together: each is a function of a `Ground`."""

from typing import Final

from tests.faults.run import Ground
from tests.stage.scenarios import Scenarios

AT_ONCE: Final = 4
"""Each has a pair of operators or more, and some a cluster."""
beside: Final = Scenarios[Ground]()
"""Makes a test of such a function."""
