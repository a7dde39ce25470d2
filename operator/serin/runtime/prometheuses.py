"""The Prometheuses that may be asked, and which of them a model's samples are in.

The list is the operator's (`prom.config`, or the one address of the command line); a model may choose among
what is listed for its namespace and for all, and nothing else: credentials go only where the operator says.
"""

from collections.abc import Iterable
from typing import Final, Self

from serin.api.invalid import InvalidSpec, invalid
from serin.prom.config import ConfigError, read_config
from serin.prom.endpoints import DEFAULT_NAME, Endpoint, checked_url, same_address
from serin.runtime.settings import Settings

ADDRESS_FIELD: Final = "spec.prometheus.address"
LABEL_FIELD: Final = "spec.prometheus.labels.namespace"


class Prometheuses:
    """What is allowed."""

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self.endpoints = tuple(endpoints)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the command line says.

        Raises:
            ConfigError: It cannot be meant; the text says what to change.
        """
        if settings.prometheus and settings.prometheus_config:
            raise ConfigError(
                "--prometheus and --prometheus-config are both given; name the address in the file, or leave"
                " the file out"
            )
        if settings.prometheus_config:
            return cls(read_config(settings.prometheus_config))
        if not settings.prometheus:
            return cls()
        try:
            url = checked_url(settings.prometheus)
        except ValueError as error:
            raise ConfigError(f"--prometheus: {error}") from None
        interval = settings.scrape_interval
        return cls([Endpoint(name=DEFAULT_NAME, url=url, default=True, scrape_interval=interval)])

    def chosen(self, namespace: str, address: str | None) -> Endpoint | InvalidSpec | None:
        """Where a model's samples are; None where nothing is listed for its namespace or for all."""
        own = [one for one in self.endpoints if namespace in one.namespaces]
        common = [one for one in self.endpoints if not one.namespaces]
        if address is None:
            marked = [one for one in common if one.default]
            return next(iter([*own, *marked, *common]), None)
        for one in (*own, *common):
            if same_address(one.url, address):
                return one
        allowed = ", ".join(dict.fromkeys(one.address for one in (*own, *common)))
        need = f"need one that the operator may ask: {allowed}, or leave it out"
        if not allowed:
            need = "the operator has no Prometheus for this namespace; leave it out"
        return invalid(ADDRESS_FIELD, need, found=address)


def label_refusal(place: Endpoint | None, label: str) -> InvalidSpec | None:
    """What is wrong with the label by which a model is held to its namespace."""
    if place is None or place.namespace_labels is None or label in place.namespace_labels:
        return None
    need = f"need one that holds namespaces in {place.address}: {', '.join(sorted(place.namespace_labels))}"
    return invalid(LABEL_FIELD, need, found=label)
