"""Helm is fetched before the tests move into a network of their own, from which nothing is to be had."""

import os

import pytest

from tests.chart import monitoring
from tests.cluster import helm
from tests.cluster.binaries import Missing


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not any("tests/chart" in item.nodeid for item in session.items):
        return
    try:
        helm.ready()
        monitoring.definitions()
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        session.config.stash[LACKING] = missing


LACKING = pytest.StashKey[Missing]()


@pytest.fixture(autouse=True)
def helm_there(pytestconfig: pytest.Config) -> None:
    """Skips where Helm is not to be had, except where CI is set."""
    if missing := pytestconfig.stash.get(LACKING, None):
        pytest.skip(str(missing))
