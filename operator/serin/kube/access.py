"""How the API server is reached and who the operator is to it.

In a pod: the service account, whose token file the client reads again every minute. Elsewhere: a kubeconfig,
where a `tokenFile` is treated the same way, since such tokens are short-lived too.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

TOKEN_REREAD_SECONDS: Final = 60.0
OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class BadAccess(Exception):
    """What should tell the way to the API server cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What another client of the same API server needs to be let in."""

    server: str
    ca: str | None
    insecure: bool
    token: str | None = field(repr=False)
    certificate: str | None
    key: str | None


async def login(kubeconfig: Path | None = None) -> Login:
    """The way in, read anew: with the token of this moment."""
    config = await configuration(kubeconfig)
    authorization = (await config.auth_settings()).get("BearerToken", {}).get("value") or ""
    return Login(
        server=config.host,
        ca=config.ssl_ca_cert,
        insecure=not config.verify_ssl,
        token=authorization.partition(" ")[2].strip() or None,
        certificate=config.cert_file,
        key=config.key_file,
    )


def proxied(server: str) -> bool:
    """Whether the environment names a proxy for it. Where it does not, it need not be asked: the library
    looks for a netrc file with it, in a thread, for every request.
    """
    parts = urlsplit(server)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def own_namespace() -> str | None:
    """The namespace of the pod this is; None outside of pods."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not OWN_NAMESPACE.exists():
        return None
    return OWN_NAMESPACE.read_text().strip()


async def configuration(kubeconfig: Path | None = None, context: str | None = None) -> Configuration:
    """The way in: the kubeconfig given, else the pod's service account, else the user's kubeconfig.

    Of a kubeconfig the context named, else its current one.

    Raises:
        BadAccess: It cannot be read, or does not say enough.
    """
    config = Configuration()
    # Retries are ours: the library's would repeat requests whose outcome is unknown.
    config.retries = None
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        try:
            load_incluster_config(client_configuration=config)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as error:
            raise BadAccess(f"the pod's service account cannot be used: {error}") from error
        return config
    path = kubeconfig or _users_kubeconfig()
    try:
        _check(path)
        await _load(path, config, context)
    except OSError as error:
        cure = "name one with --kubeconfig or KUBECONFIG"
        raise BadAccess(f"kubeconfig {path} cannot be read: {error.strerror or error}; {cure}") from error
    except (ConfigException, yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        words = " ".join(str(error).split())
        raise BadAccess(f"kubeconfig {path} cannot be used: {words}; try it with kubectl") from error
    return config


def _check(path: Path) -> None:
    """Raise what is wrong with a file: the library's own words for a missing one do not name it."""
    path.read_bytes()


async def _load(path: Path, config: Configuration, context: str | None) -> None:
    await load_kube_config(  # type: ignore[no-untyped-call]
        config_file=str(path), context=context, client_configuration=config, persist_config=False
    )
    if token_file := _token_file(path, context):
        config.refresh_api_key_hook = _rereading(token_file)


def _users_kubeconfig() -> Path:
    listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(listed) if listed else Path.home() / ".kube" / "config"


def _token_file(kubeconfig: Path, named: str | None) -> Path | None:
    content: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    contexts = {entry["name"]: entry["context"] for entry in content.get("contexts") or ()}
    users = {entry["name"]: entry["user"] for entry in content.get("users") or ()}
    context = contexts.get(named or content.get("current-context"), {})
    token_file = users.get(context.get("user"), {}).get("tokenFile")
    return kubeconfig.parent / token_file if token_file else None


def _rereading(token_file: Path) -> Any:
    read_at = float("-inf")

    def reread(config: Configuration) -> None:
        nonlocal read_at
        if time.monotonic() - read_at < TOKEN_REREAD_SECONDS:
            return
        config.api_key["BearerToken"] = f"Bearer {token_file.read_text().strip()}"
        read_at = time.monotonic()

    return reread
