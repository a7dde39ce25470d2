"""The Prometheus operator's own CRDs, which the chart's monitors and rules have to meet.

Read from its Go module, pinned by version and content, never copied.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final

from tests.cluster import binaries
from tests.cluster.binaries import Missing, Say

MODULE: Final = "github.com/prometheus-operator/prometheus-operator"
VERSION: Final = "v0.85.0"
SUM: Final = "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="
KINDS: Final = ("podmonitors", "servicemonitors", "prometheusrules")


def definitions(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> list[Path]:
    """The files of the CRDs, fetched first if this machine has none. Raises Missing."""
    link = binaries.cache_home() / f"prometheus-operator-{VERSION}"
    if not link.is_dir():
        link.parent.mkdir(parents=True, exist_ok=True)
        found = json.loads(
            binaries.run([binaries.go_command(say), "mod", "download", "-json", f"{MODULE}@{VERSION}"])
        )
        if found["Sum"] != SUM:
            raise Missing(f"{MODULE}@{VERSION} is {found['Sum']}, not {SUM}")
        # The link spares later starts the go command, which may be absent from the cluster's own network.
        fresh = link.with_name(f"{link.name}.{os.getpid()}")
        fresh.symlink_to(Path(found["Dir"]) / "example" / "prometheus-operator-crd")
        fresh.replace(link)
    return [link / f"monitoring.coreos.com_{kind}.yaml" for kind in KINDS]
