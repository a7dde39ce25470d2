"""A Prometheus that may be asked, and its address: what is safe to show, and what is the same one."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from serin.prom.credentials import Access

DEFAULT_NAME: Final = "default"
INTERVAL_SECONDS: Final = 15.0
TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A Prometheus that may be asked.

    Attributes:
        name: Shown in metrics and logs.
        url: Its address, and what `spec.prometheus.address` names it by.
        namespaces: Whose models it is for; empty for all. Where an address is listed for a namespace and for
            all, the namespace's own entry counts.
        scrape_interval: How often it scrapes the models, in seconds.
        timeout: How long an answer may take, in seconds.
        namespace_labels: Labels that hold a pod's namespace here, and so may confine a model; None for all
            that are called so.
    """

    name: str
    url: str
    default: bool = False
    namespaces: frozenset[str] = frozenset()
    scrape_interval: float = INTERVAL_SECONDS
    timeout: float = TIMEOUT_SECONDS
    namespace_labels: frozenset[str] | None = None
    access: Access = field(default_factory=Access)

    @property
    def address(self) -> str:
        """The address without what may be a password."""
        return shown(self.url)


def shown(url: str) -> str:
    """An address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def same_address(one: str, other: str) -> bool:
    """Whether two spellings name one address: case of scheme and host, a slash at the end."""
    return _spelt(one) == _spelt(other)


def checked_url(value: str) -> str:
    """An address that is safe to show and to extend.

    Raises:
        ValueError: It is something else; the text says what is needed.
    """
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole or not value.isprintable() or " " in value:
        raise ValueError("need an address such as http://prometheus.monitoring:9090")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password; give basic_auth instead")
    if parts.query or parts.fragment:
        raise ValueError("need an address without ? and #; further parameters are not sent")
    return value


def _spelt(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
