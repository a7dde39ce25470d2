"""The whole cluster: control plane, a node whose pods are processes, and what a caller attaches.

The calling process has to be in a network of its own (`network.enter`) before; everything the cluster starts
lives there too, and ends with it.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import yaml

from tests.cluster import kubeconfig
from tests.cluster.api import Api, ApiError
from tests.cluster.apiserver import ApiServer, api_server
from tests.cluster.audit import AuditLog
from tests.cluster.binaries import Binaries
from tests.cluster.controllers import controllers
from tests.cluster.images import Images
from tests.cluster.node import Node
from tests.cluster.processes import Program, warden
from tests.cluster.resources import CRDS, SERVICE_ACCOUNTS, Object, Resource
from tests.cluster.waiting import until

T = TypeVar("T")

GATEWAY_API_CRDS: Final = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
TOKEN_SECONDS: Final = 24 * 3600


class Cluster:
    """A running cluster. Use as an async context manager; then `api` speaks as its admin.

    Args:
        images: What pods may run; may be changed while the cluster runs.
        manifests: YAML files, or folders of them, applied before the cluster is ready.
        capacity: What the node offers beside its generous CPU and memory, such as `nvidia.com/gpu`.
        folder: Where all files go; default: a temporary one, removed at the end.
    """

    api: Api
    server: ApiServer
    audit: AuditLog
    node: Node
    folder: Path

    def __init__(
        self,
        binaries: Binaries,
        *,
        images: Images | None = None,
        manifests: Iterable[Path] = (),
        capacity: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.binaries = binaries
        self.images: Images = {} if images is None else images
        self._manifests, self._capacity = list(manifests), capacity
        self._folder = folder
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def attach(self, part: AbstractAsyncContextManager[T]) -> T:
        """Enter a further part (a gateway, Prometheus); left, in reverse order, when the cluster ends."""
        return await self._stack.enter_async_context(part)

    async def install(self, *paths: Path) -> list[Object]:
        """Apply YAML files, or folders of them, in order; CRDs are waited for."""
        applied = [await self.api.apply(body) for path in paths for body in documents(path)]
        for body in applied:
            if body["kind"] == "CustomResourceDefinition":
                await self.api.until(CRDS, body["metadata"]["name"], established)
                await until(partial(self._listable, body), what=f"the API of {body['metadata']['name']}")
        return applied

    async def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a fresh token of a ServiceAccount, for programs inside the cluster's network."""
        token = await self.service_account_token(namespace, name)
        path = self.folder / f"{namespace}.{name}.kubeconfig"
        return kubeconfig.written(
            path, server=self.server.address, token=token, ca=self.server.ca, namespace=namespace
        )

    async def service_account_token(self, namespace: str, name: str, *, seconds: int = TOKEN_SECONDS) -> str:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = await self.api.request("POST", SERVICE_ACCOUNTS.path(namespace, name, "token"), body)
        token: str = answer["status"]["token"]
        return token

    @asynccontextmanager
    async def as_service_account(self, namespace: str, name: str) -> AsyncIterator[Api]:
        """The API as a ServiceAccount sees it."""
        async with Api.from_kubeconfig(await self.service_account_kubeconfig(namespace, name)) as api:
            yield api

    def program(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """A program in the cluster's network, started when entered; its log is `logs/<name>.log`."""
        own = {"KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        return Program(
            name,
            command,
            log=self.folder / "logs" / f"{name}.log",
            environment={**os.environ, **own, **(environment or {})},
        )

    @property
    def kubeconfig(self) -> Path:
        """The admin's, for programs inside the cluster's network."""
        return self.server.kubeconfigs["admin"]

    async def _listable(self, definition: Object) -> bool:
        """Whether a CRD can be used: for about a second after it is established the server answers 429."""
        spec = definition["spec"]
        version = next(one["name"] for one in spec["versions"] if one["served"])
        try:
            await self.api.list(Resource(f"{spec['group']}/{version}", spec["names"]["plural"]))
        except ApiError as error:
            if error.code in (404, 429):
                return False
            raise
        return True

    async def _start(self) -> None:
        self.folder = self._folder or Path(self._stack.enter_context(_temporary_folder()))
        await self.attach(warden(None if self._folder else self.folder))
        self.server = await self.attach(api_server(self.binaries, self.folder))
        self.api = await self.attach(Api(kubeconfig.access(self.kubeconfig)))
        self.audit = AuditLog(self.server.audit_log, self.api)
        definitions = [
            self.binaries.gateway_api / f"gateway.networking.k8s.io_{kind}.yaml" for kind in GATEWAY_API_CRDS
        ]
        async with asyncio.TaskGroup() as both:
            both.create_task(self.attach(controllers(self.binaries, self.server, self.folder)))
            both.create_task(self.install(*definitions, *self._manifests))
        await self._add_nodes()

    async def _add_nodes(self) -> None:
        """What pods run on: one node, where they are processes."""
        node_api = await self.attach(Api(kubeconfig.access(self.server.kubeconfigs["node"])))
        node = Node(node_api, self.server, self.folder, images=self.images, capacity=self._capacity)
        self.node = await self.attach(node)


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    # What a container writes at the last moment may make a folder that is being removed not empty.
    return tempfile.TemporaryDirectory(prefix="serin-cluster-", ignore_cleanup_errors=True)


def documents(path: Path) -> list[Object]:
    """The objects in a YAML file, or in all YAML files of a folder by name."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [body for file in files for body in _loaded(file) if body]


def _loaded(file: Path) -> Iterator[Object]:
    # CRDs are large: the parser in Python takes seconds for them.
    return yaml.load_all(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def established(definition: Object) -> bool:
    """Whether a CRD is served."""
    conditions = {entry["type"]: entry["status"] for entry in definition["status"]["conditions"]}
    return conditions.get("Established") == "True"
