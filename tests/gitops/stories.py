"""Stories on the cluster that mostly wait, begun together: each is a function of a `Ground`."""

from typing import Final

from tests.gitops.scenes import Ground
from tests.stage.scenarios import Scenarios

story: Final = Scenarios[Ground]()
"""Makes a test of such a function."""
