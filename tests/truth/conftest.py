"""The play, once for all that is asked about it."""

import asyncio

import pytest

from tests.cluster.needed import needed
from tests.cluster.prometheus import find_prometheus
from tests.truth.play import play
from tests.truth.stage import Played


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """What came of the play; where Prometheus cannot be had there is none."""
    needed(find_prometheus)
    with asyncio.Runner() as runner:
        return runner.run(play(tmp_path_factory.mktemp("truth")))
