"""`python -m tests.prepare`: everything the tests and the demo are started from, found or built.

Nothing is built twice, and nothing is installed on the machine: all goes into the user's cache. What the
machine lacks is named with its cure, all of it at once.
"""

import sys
from collections.abc import Callable
from typing import Final

from tests.bench.simulated import kwok
from tests.chart import monitoring
from tests.cluster import binaries, envoy, helm, network, prometheus
from tests.cluster.binaries import Missing
from tests.cluster.modelserver import environment as modelserver
from tests.gitops.definitions import definitions
from tests.gitops.program import readers

PARTS: Final[tuple[Callable[[], object], ...]] = (
    network.require,
    binaries.ready,
    envoy.find_envoy,
    prometheus.find_prometheus,
    modelserver.ready,
    helm.ready,
    monitoring.definitions,
    readers,
    definitions,
    kwok,
)


def main() -> int:
    """Prepare all parts; returns the exit code."""
    missing: list[Missing] = []
    for part in PARTS:
        try:
            part()
        except Missing as lack:
            missing.append(lack)
    for problem in missing:
        print(f"missing: {problem}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
