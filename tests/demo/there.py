"""The story's place on a cluster that exists, reached by a kube context; it leaves no model behind.

Everything is looked at before anything is done; what is missing is named with its cure. Where no operator
runs, one is run from this checkout as the ServiceAccount of the manifests. Without a Gateway the router is
Replicas, and users ask through the API server, whose proxy chooses a ready pod for every request.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.cluster import binaries
from tests.cluster.api import Api, ApiError
from tests.cluster.binaries import Missing
from tests.cluster.cluster import documents, established
from tests.cluster.network import free_port
from tests.cluster.processes import Ended, Program, answers
from tests.cluster.resources import (
    CRDS,
    DEPLOYMENTS,
    GATEWAYS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
    Object,
)
from tests.demo import models
from tests.demo.here import HOST, MANIFESTS
from tests.demo.story import Lost, Stage
from tests.demo.users import Address

SYSTEM: Final = "serin-system"
ACCOUNT: Final = "serin"
LOOPBACK: Final = "127.0.0.1"
ROUTER: Final = re.compile(r"    router: GatewayAPI\n    gatewayAPI:\n(?:      .*\n)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person may say about the cluster."""

    context: str
    namespace: str
    prometheus: str | None
    scrape_seconds: int
    gateway: str | None
    """`<namespace>/<name>`, or `none` for the router Replicas."""
    url: str | None
    """Where the Gateway is reached from here, if not at the address it reports."""
    keep: bool


async def stage(
    stack: AsyncExitStack, options: Options, *, folder: Path, say: Callable[[str], None]
) -> Stage:
    """Look at the cluster, add what is needed; all of it ends with the stack. Raises Missing."""
    api = await stack.enter_async_context(_reached(options.context))
    gateway = await _gateway(api, options)
    say(f"Traffic is divided by {f'the Gateway {gateway.name}' if gateway else 'the number of pods'}")
    if await _operator_runs(api):
        say(f"The operator is the cluster's own, {SYSTEM}/{ACCOUNT}; so is its Prometheus")
    else:
        prometheus = await _prometheus(options)
        say("No operator runs there; one runs from this checkout, as the ServiceAccount of the manifests")
        await stack.enter_async_context(await _operator(api, options, folder=folder, prometheus=prometheus))
    await _namespace(stack, api, options)
    if gateway is None:
        address = Address(await _proxied(stack, options, folder))
    else:
        address = Address(gateway.url, HOST)
    return Stage(
        api=api,
        namespace=options.namespace,
        manifest=manifest(gateway),
        address=address,
        witness=NoLog(),
        routes=gateway is not None,
    )


class NoLog:
    """Nothing is known of this cluster's data plane but what its answers say."""

    async def lost(self, expected: int) -> list[Lost] | None:
        return None

    def zero_at(self, revision: str, since: float) -> float | None:
        return None


@dataclass(frozen=True, slots=True)
class Parent:
    """A Gateway that a route is attached to, and where it is reached from here."""

    namespace: str
    name: str
    url: str


def _reached(context: str) -> Api:
    try:
        return Api.from_kubeconfig(context=context)
    except (OSError, ValueError) as error:
        raise Missing(f"the context {context}: {error}; `kubectl config get-contexts` lists them") from error


async def _gateway(api: Api, options: Options) -> Parent | None:
    """The Gateway to attach to, reachable from here; None where there is none, or none is wanted."""
    try:
        found = [] if options.gateway == "none" else await api.list(GATEWAYS)
    except ApiError as error:
        if error.code != 404:
            raise
        found = []
    named = [one for one in found if options.gateway in (None, _name(one))]
    if options.gateway not in (None, "none") and not named:
        there = ", ".join(map(_name, found)) or "none"
        raise Missing(f"there is no Gateway {options.gateway}, but {there}: name one with --gateway")
    usable = [one for one in named if (one.get("status") or {}).get("addresses")]
    if not usable:
        return None
    chosen = usable[0]
    port = chosen["spec"]["listeners"][0]["port"]
    url = options.url or f"http://{chosen['status']['addresses'][0]['value']}:{port}"
    await _connectable(_name(chosen), url)
    return Parent(chosen["metadata"]["namespace"], chosen["metadata"]["name"], url)


async def _connectable(gateway: str, url: str) -> None:
    place = urlsplit(url)
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(place.hostname, place.port or 80)
    except (OSError, TimeoutError) as error:
        raise Missing(
            f"the Gateway {gateway} is not reached from here at {url}: forward its Service with "
            "`kubectl port-forward` and say --url http://127.0.0.1:PORT, or do without it: --gateway none"
        ) from error
    writer.close()


def _name(gateway: Object) -> str:
    return f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"


async def _operator_runs(api: Api) -> bool:
    found = await api.find(DEPLOYMENTS, ACCOUNT, SYSTEM)
    return bool(found and (found.get("status") or {}).get("availableReplicas"))


async def _prometheus(options: Options) -> str:
    if options.prometheus is None:
        raise Missing(
            "no operator runs in the cluster, and one run from here needs its Prometheus: "
            "`kubectl -n monitoring port-forward svc/prometheus-operated 9090`, then "
            "ARGS='--prometheus http://127.0.0.1:9090'; or install Serin there: "
            "`kubectl apply -f manifests/install.yaml`"
        )
    if not await answers(f"{options.prometheus}/-/ready")():
        raise Missing(f"Prometheus does not answer at {options.prometheus}/-/ready: check --prometheus")
    return options.prometheus


async def _operator(api: Api, options: Options, *, folder: Path, prometheus: str) -> Program:
    """The operator as a process, with the rights the manifests give it and no others."""
    try:
        for body in [body for path in MANIFESTS for body in documents(path)]:
            await api.apply(body, manager="demo")
            if body["kind"] == "CustomResourceDefinition":
                await api.until(CRDS, body["metadata"]["name"], established)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = await api.request("POST", SERVICE_ACCOUNTS.path(SYSTEM, ACCOUNT, "token"), request)
    except ApiError as error:
        if error.code != 403:
            raise
        raise Missing(f"Serin is not installed, and this user may not install it: {error.message}") from error
    environment = {**os.environ, "KUBECONFIG": str(_kubeconfig(options.context, folder, answer))}
    judged = [f"--prometheus={prometheus}", f"--scrape-interval={options.scrape_seconds}"]
    command = [sys.executable, "-m", "serin", "run", *judged]
    return Program("serin", command, log=folder / "serin.log", environment=environment)


def _kubeconfig(context: str, folder: Path, token: Object) -> Path:
    """The context's kubeconfig with the ServiceAccount in place of the user."""
    view = ["config", "view", "--minify", "--flatten", "--raw", "--context", context, "--output", "json"]
    done = subprocess.run([binaries.kubectl(), *view], capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    document["users"][0]["user"] = {"token": token["status"]["token"]}
    path = folder / "serin.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))
    return path


async def _namespace(stack: AsyncExitStack, api: Api, options: Options) -> None:
    """The demo's own namespace, deleted at the end unless it is to be kept."""
    if await api.find(NAMESPACES, options.namespace):
        raise Missing(
            f"the namespace {options.namespace} exists, and the demo deletes its own at the end: "
            f"`kubectl delete namespace {options.namespace}`, or choose another with --namespace"
        )
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.namespace}})
    if not options.keep:
        stack.push_async_callback(api.delete, NAMESPACES, options.namespace)
    await api.until(SERVICE_ACCOUNTS, "default", bool, options.namespace)


async def _proxied(stack: AsyncExitStack, options: Options, folder: Path) -> str:
    """The Service `iris` through `kubectl proxy`, which logs in for the users."""
    port = free_port(LOOPBACK)
    command = [str(binaries.kubectl()), "--context", options.context, "proxy", f"--port={port}"]
    proxy = Program(
        "proxy", command, log=folder / "proxy.log", ready=answers(f"http://{LOOPBACK}:{port}/api")
    )
    try:
        await stack.enter_async_context(proxy)
    except Ended as error:
        raise Missing(str(error)) from error
    path = f"namespaces/{options.namespace}/services/{models.NAME}:80/proxy"
    return f"http://{LOOPBACK}:{port}/api/v1/{path}"


def manifest(gateway: Parent | None) -> str:
    """The demo's manifest for this cluster's router."""
    text = models.MANIFEST.read_text()
    if gateway is None:
        return ROUTER.sub("    router: Replicas\n", text)
    own = f"{{name: {gateway.name}, namespace: {gateway.namespace}}}"
    return text.replace("{name: public, namespace: infra}", own)
