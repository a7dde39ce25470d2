"""`python -m tests.gitops.recording`: bring models into every state of the truth table and record them.

Takes about three minutes, on a cluster of its own. What differs from the recorded files is the operator's
change: look at the diff, and at `truth.STATES`, before it is committed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

from tests.cluster import network
from tests.cluster.binaries import Binaries, Missing, ready
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import find_envoy
from tests.cluster.images import Image
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.prometheus import find_prometheus

# First of all that computes: it keeps numerical libraries from starting threads, with which no process is let
# into a network of its own.
from tests.conftest import REPOSITORY
from tests.gitops import judged, normal
from tests.gitops.scenes import EVALUATOR, SCENES, Found, Ground, played, unseen
from tests.gitops.truth import STATES
from tests.invariants.watcher import Watcher
from tests.stage.model import IMAGE
from tests.stage.operator import ACCESS, ACCOUNT, Operator

CANNOT_RUN = 2


def main() -> int:
    """Returns the exit code."""
    try:
        network.require()
        found = ready(print)
        find_envoy()
        find_prometheus()
        network.enter()
    except Missing as missing:
        print(f"nothing can be recorded: {missing}", file=sys.stderr)
        return CANNOT_RUN
    return asyncio.run(_record(found))


async def _record(binaries: Binaries) -> int:
    found: Found = {}
    # The scenes of end-to-end tests print their stories, which pytest shows where one fails.
    with redirect_stdout(StringIO()):
        for part in await _parts(binaries):
            found |= part
    normal.write(found)
    for state in sorted(found.keys() ^ STATES.keys()):
        print(f"{state} is {'not in the table' if state in found else 'not recorded'}", file=sys.stderr)
    print(f"{len(found)} states recorded in {normal.FOLDER.relative_to(REPOSITORY)}")
    return int(found.keys() != STATES.keys())


async def _parts(binaries: Binaries) -> list[Found]:
    async with Cluster(binaries, manifests=[REPOSITORY / "crds"]) as cluster:
        cluster.images[IMAGE] = SERVER
        cluster.images[EVALUATOR] = Image(entrypoint=("sleep", "infinity"))
        await cluster.install(*ACCESS)
        account = await cluster.service_account_kubeconfig(*ACCOUNT)
        async with (
            _ground(cluster, account) as plain,
            _ground(cluster, account) as left,
            _ground(cluster, account, prometheus=judged.NOBODY_LISTENS) as blind,
        ):
            plays = played(plain, SCENES), unseen(left), judged.played(cluster, account, blind)
            return list(await asyncio.gather(*plays))


@asynccontextmanager
async def _ground(cluster: Cluster, account: Path, *, prometheus: str | None = None) -> AsyncIterator[Ground]:
    async with (
        fresh_namespace(cluster.api) as place,
        Watcher(cluster.api, place) as watcher,
        Operator(cluster, place, account, prometheus=prometheus) as serin,
    ):
        yield Ground(cluster=cluster, place=place, serin=serin, watcher=watcher)


if __name__ == "__main__":
    sys.exit(main())
