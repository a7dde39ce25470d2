"""The chart as `helm template` renders it, by either Helm."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import yaml

from tests.chart.reference import CHART
from tests.cluster import helm
from tests.cluster.resources import Object

RELEASE: Final = "serin"
NAMESPACE: Final = "serin-system"
KUBERNETES: Final = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
"""The versions the chart is for: from the oldest that Serin runs on to the newest there is."""
HELMS: Final = tuple(helm.WHEELS)
CASES: Final = sorted((CHART / "ci").glob("*.yaml"))
"""Values that people have, one file for each way to install it."""


class Refused(Exception):
    """Helm does not render these values; the text is what it said."""


def rendered(
    *values: Path,
    by: str = "helm4",
    kubernetes: str = KUBERNETES[-1],
    options: Iterable[str] = (),
    chart: Path = CHART,
) -> str:
    """What Helm would apply. Raises Refused."""
    command = [str(helm.ready()[by]), "template", RELEASE, str(chart), f"--namespace={NAMESPACE}"]
    command += [f"--values={path}" for path in values]
    command += [f"--kube-version={kubernetes}.0", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def documents(text: str) -> Iterator[str]:
    """The objects of a stream, each as it stands."""
    yield from (one for part in f"\n{text}".split("\n---\n") if (one := part.strip("\n")))


def objects(text: str) -> list[Object]:
    """The objects of a stream."""
    # CRDs are large: the parser in Python takes seconds for them.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [body for body in yaml.load_all(text, Loader=loader) if body]
