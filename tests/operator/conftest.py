"""The operator as a process of its own, under its own ServiceAccount, in one test's namespace."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import aiohttp
import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.images import Image
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers
from tests.cluster.waiting import until
from tests.faults.ground import prepared
from tests.operator.beside import AT_ONCE, beside
from tests.stage.operator import ACCESS
from tests.stage.scenarios import Acts

SERVER = "serin.test/files:1"


@dataclass(frozen=True, slots=True)
class Operator:
    """A running operator and the address of its pages."""

    program: Program
    address: str

    async def page(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.address}{path}") as answer:
            return answer.status, await answer.text()


class Operators(Protocol):
    """Starts an operator, with more arguments for its command line."""

    def __call__(self, *arguments: str) -> AbstractAsyncContextManager[Operator]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def operators(cluster: Cluster, namespace: str) -> Operators:
    """A way to start operators for the test's namespace; each is ready when entered."""
    await cluster.install(*ACCESS)
    account = await cluster.service_account_kubeconfig("serin-system", "serin")

    @asynccontextmanager
    async def started(*arguments: str) -> AsyncIterator[Operator]:
        port = free_port()
        command = [sys.executable, "-m", "serin", "run", f"--namespace={namespace}"]
        pages = [f"--host={GATEWAY}", f"--http-port={port}"]
        program = cluster.program(f"serin-{port}", [*command, *pages, *arguments], kubeconfig=account)
        async with program:
            await until(partial(_ready_or_ended, program, port), what="the operator's readiness")
            assert program.exit_code is None, program.log.read_text()[-4000:]
            yield Operator(program, f"http://{GATEWAY}:{port}")

    return started


async def _ready_or_ended(program: Program, port: int) -> bool:
    return program.exit_code is not None or await answers(f"http://{GATEWAY}:{port}/readyz")()


@pytest_asyncio.fixture(loop_scope="session")
async def operator(operators: Operators) -> AsyncIterator[Operator]:
    """One operator, as long as the test runs."""
    async with operators() as running:
        yield running


@pytest.fixture(autouse=True)
def images(cluster: Cluster) -> None:
    """A web server that takes the part of a model's."""
    cluster.images[SERVER] = Image(entrypoint=(sys.executable, "-m", "http.server", "8080"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def acts(request: pytest.FixtureRequest, cluster: Cluster, gateway: Gateway) -> AsyncIterator[Acts]:
    """The scenarios whose tests were chosen, under way."""
    async with beside.begun(request, await prepared(cluster), at_once=AT_ONCE) as under_way:
        yield under_way
