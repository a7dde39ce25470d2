"""`python -m tests.prepare`: everything the tests and the demo are started from, found or built, with progress.

Nothing is built twice, and nothing is installed on the machine: all goes into the user's cache. What the
machine lacks is named with its cure, all of it at once.
"""

import sys
from collections.abc import Callable
from typing import Final

from tests.cluster import binaries, envoy, network
from tests.cluster.binaries import Missing
from tests.cluster.modelserver import environment as modelserver

PARTS: Final[tuple[Callable[[], object], ...]] = (
    network.require,
    binaries.ready,
    envoy.find_envoy,
    modelserver.ready,
)


def main() -> int:
    """Prepare all parts; returns the exit code."""
    missing = []
    for part in PARTS:
        try:
            part()
        except Missing as problem:
            missing.append(str(problem))
    for number, problem in enumerate(missing, 1):
        print(f"missing, {number} of {len(missing)}: {problem}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
