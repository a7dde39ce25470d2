"""Kubeconfig files: read, to reach any cluster by its context, and written, for the programs a test starts.

Of the ways to log in, tokens, client certificates and credential programs (`exec`) are understood.
"""

import base64
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

NAME: Final = "serin-test"
"""Of everything in a kubeconfig that is written here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where an API server is and how to be let in."""

    server: str
    tls: ssl.SSLContext | bool = field(default=True, repr=False)
    token: str | None = field(default=None, repr=False)
    server_name: str | None = None
    """What the server's certificate is issued to, where that is not the address."""


def written(path: Path, *, server: str, token: str, ca: Path, namespace: str = "default") -> Path:
    """Write a kubeconfig for one user with a bearer token; only the user can read it."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode()}
    context = {"cluster": NAME, "user": NAME, "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": context}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path


def access(path: Path | None = None, context: str | None = None) -> Access:
    """How to reach the cluster of a context.

    Args:
        path: Default: `KUBECONFIG` (its first existing file), else `~/.kube/config`.
        context: Default: the file's current one.
    """
    path = path or _default_path()
    document = yaml.safe_load(path.read_text())
    context = context or document.get("current-context")
    chosen = _named(document, "context", context, path)
    cluster = _named(document, "cluster", chosen["cluster"], path)
    user = _named(document, "user", chosen["user"], path)
    if "exec" in user:
        user = _from_program(user["exec"])
    tls = ssl.create_default_context(cadata=_text(cluster, "certificate-authority", path))
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    _load_client_certificate(tls, user, path)
    token = user.get("token") or _text({"token": user.get("tokenFile")}, "token", path)
    server_name = cluster.get("tls-server-name")
    return Access(server=cluster["server"], tls=tls, token=token, server_name=server_name)


def _default_path() -> Path:
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return next((path for path in named if path.exists()), Path.home() / ".kube" / "config")


def _named(document: dict[str, Any], kind: str, name: str | None, path: Path) -> dict[str, Any]:
    entries = {entry["name"]: entry[kind] for entry in document.get(f"{kind}s") or []}
    if name not in entries:
        raise ValueError(f"{path} has no {kind} {name!r}; it has {', '.join(sorted(entries)) or 'none'}")
    found: dict[str, Any] = entries[name]
    return found


def _text(holder: dict[str, Any], key: str, path: Path) -> str | None:
    """A value given in place (`<key>-data`, base64) or as a file, relative to the kubeconfig."""
    if data := holder.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    if file := holder.get(key):
        return (
            (path.parent / file).read_text().strip() + "\n"
            if key != "token"
            else Path(file).read_text().strip()
        )
    return None


def _load_client_certificate(tls: ssl.SSLContext, user: dict[str, Any], path: Path) -> None:
    certificate, key = _text(user, "client-certificate", path), _text(user, "client-key", path)
    if not (certificate and key):
        return
    # The ssl module reads certificates from files only; this one is gone as soon as it is read.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
        pair.write(certificate + key)
        pair.flush()
        tls.load_cert_chain(pair.name)


def _from_program(program: dict[str, Any]) -> dict[str, Any]:
    """The credential a program prints: how managed clusters log people in."""
    request = {"apiVersion": program["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {entry["name"]: entry["value"] for entry in program.get("env") or []}
    done = subprocess.run(
        [program["command"], *(program.get("args") or [])],
        env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(request)},
        capture_output=True,
        check=True,
    )
    status = json.loads(done.stdout)["status"]
    names = {"clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
    encoded = {
        ours: base64.b64encode(status[theirs].encode()).decode()
        for theirs, ours in names.items()
        if theirs in status
    }
    return {"token": status.get("token"), **encoded}
