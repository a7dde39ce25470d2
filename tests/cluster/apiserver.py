"""etcd and kube-apiserver, with RBAC on and an audit log of every request.

Users: `USERS`, by tokens made at start; ServiceAccounts, by tokens the server itself mints. The server's
certificate is its own; `ca` is what clients trust.
"""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from tests.cluster import kubeconfig
from tests.cluster.binaries import Binaries
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers

SERVICE_ADDRESSES: Final = "10.96.0.0/16"
USERS: Final = ("admin", "controllers", "node")
"""All may do everything; their names tell them apart in the audit log."""
AUDIT_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "omitManagedFields": True,
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch"],
            "resources": [
                {"group": "serin.dev", "resources": ["modeldeployments/status"]},
                {"group": "gateway.networking.k8s.io", "resources": ["httproutes"]},
                {"group": "discovery.k8s.io", "resources": ["endpointslices"]},
            ],
        },
        {"level": "Metadata"},
    ],
}
"""With the answers to writes of statuses, routes and endpoints, which tell the version that each has made."""
EC_KEY_HEADER: Final = bytes.fromhex("303102010104 20")
EC_KEY_CURVE: Final = bytes.fromhex("a00a06082a8648ce3d030107")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A running API server and what is needed to use it."""

    process: Program
    etcd: Program
    host: str
    port: int
    ca: Path
    audit_log: Path
    key: Path
    """Signs the tokens of ServiceAccounts."""
    tokens: dict[str, str] = field(repr=False)
    """One for each of `USERS`."""
    kubeconfigs: dict[str, Path]
    """One for each of `USERS`, for programs inside the cluster's network."""

    @property
    def address(self) -> str:
        return f"https://{self.host}:{self.port}"

    async def start(self) -> None:
        """Start it again after `process.kill()`: the same address, certificate and data."""
        await self.process.__aenter__()


@asynccontextmanager
async def api_server(binaries: Binaries, folder: Path) -> AsyncIterator[ApiServer]:
    """Start etcd and kube-apiserver with their files in the folder."""
    for name in ("logs", "certificates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tokens = {user: secrets.token_urlsafe(24) for user in USERS}
    port, client_port, peer_port = _ports(3)
    storage = f"http://{GATEWAY}:{client_port}"
    async with Program(
        "etcd",
        _etcd_command(binaries, folder, client=storage, peer=f"http://{GATEWAY}:{peer_port}"),
        log=folder / "logs" / "etcd.log",
        ready=answers(f"{storage}/health"),
    ) as etcd:
        key = _private(folder / "service-accounts.key", service_account_key())
        _private(folder / "tokens.csv", _token_file(tokens))
        (folder / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
        ca = folder / "certificates" / "apiserver.crt"
        async with Program(
            "kube-apiserver",
            _server_command(binaries, folder, storage=storage, port=port),
            log=folder / "logs" / "kube-apiserver.log",
            ready=answers(f"https://{GATEWAY}:{port}/readyz", ca=ca),
        ) as process:
            yield ApiServer(
                process=process,
                etcd=etcd,
                host=GATEWAY,
                port=port,
                ca=ca,
                audit_log=folder / "audit.log",
                key=key,
                tokens=tokens,
                kubeconfigs={
                    user: kubeconfig.written(
                        folder / f"{user}.kubeconfig", server=f"https://{GATEWAY}:{port}", token=token, ca=ca
                    )
                    for user, token in tokens.items()
                },
            )


def service_account_key() -> str:
    """A new P-256 private key in PEM. Readers compute the public half, so it need not be written."""
    # Any number below the curve's order (just under 2**256) is a key; with a zero first byte it surely is.
    secret = b"\0" + secrets.token_bytes(31)
    encoded = base64.encodebytes(EC_KEY_HEADER + secret + EC_KEY_CURVE).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{encoded}-----END EC PRIVATE KEY-----\n"


def _etcd_command(binaries: Binaries, folder: Path, *, client: str, peer: str) -> list[str | Path]:
    return [
        binaries.program("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _server_command(binaries: Binaries, folder: Path, *, storage: str, port: int) -> list[str | Path]:
    key = folder / "service-accounts.key"
    return [
        binaries.program("kube-apiserver"),
        f"--etcd-servers={storage}",
        f"--secure-port={port}",
        f"--bind-address={GATEWAY}",
        # Only to get this name into the certificate: people come in through a door on the machine's loopback.
        "--advertise-address=127.0.0.1",
        # Nothing routes to the Service `kubernetes`; pods are given the server's own address.
        "--endpoint-reconciler-type=none",
        f"--cert-dir={folder / 'certificates'}",
        f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--service-account-issuer=https://{GATEWAY}:{port}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        # One file, however long it gets: at a hundred megabytes it would be set aside and a new one begun.
        "--audit-log-maxsize=1000000",
        # No node-lifecycle controller runs that would take the taint away again.
        "--disable-admission-plugins=TaintNodesByCondition",
        "--allow-privileged=true",
    ]


def _token_file(tokens: dict[str, str]) -> str:
    return "".join(f"{token},{user},{user},system:masters\n" for user, token in tokens.items())


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
