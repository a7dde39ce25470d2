"""Helm is fetched before the tests move into a network of their own, from which nothing is to be had."""

from contextlib import suppress

import pytest

from tests.chart import monitoring
from tests.cluster import helm
from tests.cluster.binaries import Missing
from tests.cluster.needed import needed


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not any("tests/chart" in item.nodeid for item in session.items):
        return
    # Whoever needs it tells.
    with suppress(Missing):
        helm.ready()
        monitoring.definitions()


@pytest.fixture(autouse=True)
def helm_there() -> None:
    """Nothing here can do without."""
    needed(helm.ready)
    needed(monitoring.definitions)
