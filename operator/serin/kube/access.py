"""How the API server is reached and who the operator is to it.

In a pod: the service account, which is a token and a certificate in two files. Elsewhere: a kubeconfig,
read by the client library, which knows the programs that such a file may name; as that takes more memory than
hundreds of models do, no pod loads it. Tokens in files are short-lived, so what was read a minute ago is read
again.
"""

import os
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml

REREAD_SECONDS: Final = 60.0
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
"""Where a pod's environment says the API server is."""


class BadAccess(Exception):
    """What should tell the way to the API server cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a client of the API server needs to be let in.

    Attributes:
        name: What the server's certificate is issued to, where that is not the address.
    """

    server: str
    ca: str | None = None
    insecure: bool = False
    token: str | None = field(default=None, repr=False)
    certificate: str | None = None
    key: str | None = None
    name: str | None = None
    proxy: str | None = None


class Access:
    """The way in, as it is now.

    Args:
        kubeconfig: None for the pod's service account, or else for the user's own kubeconfig.
        context: Of the kubeconfig; None for its current one.
    """

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._known: Login | None = None
        self._read_at = -inf
        self._tls: tuple[tuple[object, ...], ssl.SSLContext] | None = None

    async def login(self) -> Login:
        """At most a minute old. Where it can no longer be read, the known one stays: what the server says to
        it tells what is wrong.

        Raises:
            BadAccess: There never was one.
        """
        if self._known is None:
            self._known, self._read_at = await self._read(), time.monotonic()
        elif time.monotonic() - self._read_at >= REREAD_SECONDS:
            self._read_at = time.monotonic()
            with suppress(BadAccess):
                self._known = await self._read()
        return self._known

    def refused(self) -> None:
        """The server does not know the token: another may be there by now."""
        self._read_at = -inf

    def tls(self, way_in: Login) -> ssl.SSLContext:
        """How to tell the server, made once for the same certificates: it takes milliseconds."""
        certificates = way_in.ca, way_in.insecure, way_in.certificate, way_in.key
        if self._tls is None or self._tls[0] != certificates:
            self._tls = certificates, _tls(way_in)
        return self._tls[1]

    async def _read(self) -> Login:
        return await login(self._kubeconfig, self._context)


async def login(kubeconfig: Path | None = None, context: str | None = None) -> Login:
    """The way in: the kubeconfig given, else the pod's service account, else the user's kubeconfig.

    Of a kubeconfig the context named, else its current one.

    Raises:
        BadAccess: It cannot be read, or does not say enough.
    """
    if kubeconfig is None and HOST in os.environ:
        return _of_pod()
    path = kubeconfig or _users_kubeconfig()
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_bytes())
        token_file = _token_file(path, content, context)
        return await _of_kubeconfig(path, context, token_file.read_text() if token_file else None)
    except OSError as error:
        cure = "name one with --kubeconfig or KUBECONFIG"
        raise BadAccess(f"kubeconfig {path} cannot be read: {error.strerror or error}; {cure}") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unusable(path, error) from error


def proxied(server: str) -> bool:
    """Whether the environment names a proxy for it. Where it does not, it need not be asked: the library
    looks for a netrc file with it, in a thread, for every request.
    """
    parts = urlsplit(server)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def own_namespace() -> str | None:
    """The namespace of the pod this is; None outside of pods."""
    told = SERVICE_ACCOUNT / "namespace"
    return told.read_text().strip() if HOST in os.environ and told.exists() else None


def _of_pod() -> Login:
    host, certificate = os.environ[HOST], SERVICE_ACCOUNT / "ca.crt"
    place = f"[{host}]" if ":" in host else host
    try:
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        certificate.read_bytes()
    except OSError as error:
        raise BadAccess(f"the pod's service account cannot be used: {error}") from error
    return Login(server=f"https://{place}:{os.environ.get(PORT, '443')}", ca=str(certificate), token=token)


async def _of_kubeconfig(path: Path, context: str | None, token: str | None) -> Login:
    # Here, not above: what is never asked for need not be loaded.
    from kubernetes.aio.client.configuration import Configuration
    from kubernetes.aio.config.config_exception import ConfigException
    from kubernetes.aio.config.kube_config import load_kube_config

    config = Configuration()
    try:
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(path), context=context, client_configuration=config, persist_config=False
        )
    except ConfigException as error:
        raise _unusable(path, error) from error
    authorization: str = config.api_key.get("BearerToken") or ""
    return Login(
        server=config.host.rstrip("/"),
        ca=config.ssl_ca_cert,
        insecure=not config.verify_ssl,
        token=(token or authorization.partition(" ")[2]).strip() or None,
        certificate=config.cert_file,
        key=config.key_file,
        name=config.tls_server_name,
        proxy=config.proxy,
    )


def _unusable(path: Path, error: Exception) -> BadAccess:
    words = " ".join(str(error).split())
    return BadAccess(f"kubeconfig {path} cannot be used: {words}; try it with kubectl")


def _users_kubeconfig() -> Path:
    listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(listed) if listed else Path.home() / ".kube" / "config"


def _token_file(path: Path, content: dict[str, Any], named: str | None) -> Path | None:
    """The file that a kubeconfig names for the token: the library would read it once and for all."""
    contexts = {entry["name"]: entry["context"] for entry in content.get("contexts") or ()}
    users = {entry["name"]: entry["user"] for entry in content.get("users") or ()}
    context = contexts.get(named or content.get("current-context"), {})
    token_file = users.get(context.get("user"), {}).get("tokenFile")
    return path.parent / token_file if token_file else None


def _tls(way_in: Login) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=way_in.ca)
    if way_in.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if way_in.certificate:
        context.load_cert_chain(way_in.certificate, way_in.key)
    return context
