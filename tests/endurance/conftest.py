"""The stage of a module's operator, for a small sample of the long runs."""

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.endurance.ground import Stage
from tests.invariants.watcher import Watcher
from tests.stage.operator import Operator


@pytest.fixture(scope="module")
def stage(
    cluster: Cluster, place: str, envoy: Envoy, gateway: Gateway, watcher: Watcher, serin: Operator
) -> Stage:
    """Without Prometheus: steps pass on readiness and time."""
    return Stage(cluster=cluster, place=place, envoy=envoy, gateway=gateway, watcher=watcher)
