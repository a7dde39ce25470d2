"""How this process was asked to run: one frozen value, made from the command line and passed down."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from serin.kube.access import own_namespace

CHILD_SETTLE_SECONDS: Final = 0.2
"""How long a child's change waits for more of them. A Deployment's status moves four times a scale; without
this each move would be a look, and each look perhaps a status write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How the replica that acts holds on to its right; all in seconds, and as client-go has them.

    Attributes:
        duration: How long the others wait after its last renewal before one of them takes over.
        renew_deadline: How long after its last renewal it stops by itself. What it has sent by then has the
            rest of the duration to end.
        retry_period: How often it renews.
    """

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline:
            raise ValueError(
                f"--lease-duration: {self.duration:g} s is not longer than --lease-renew-deadline "
                f"({self.renew_deadline:g} s); two replicas could act at once"
            )
        if not self.renew_deadline > 1.2 * self.retry_period:
            raise ValueError(
                f"--lease-renew-deadline: {self.renew_deadline:g} s leaves no time for a second try every "
                f"{self.retry_period:g} s (--lease-retry-period); make it more than 1.2 times as long"
            )
        if not self.retry_period > 0:
            raise ValueError(f"--lease-retry-period: need more than 0 s, found {self.retry_period:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's settings.

    Attributes:
        namespaces: Where to look for ModelDeployments; empty for the whole cluster. Each namespace costs one
            watch per kind.
        prometheus: Address of the Prometheus that judges; None lets steps advance on readiness and time.
        prometheus_config: File that lists the Prometheuses that may be asked and how to be let in, in place
            of the one address. The files it names are read again when they change, itself only at the start.
        catalogue: Folder of rows that replace ours of the same name or join them; read at the start.
        scrape_interval: Prometheus' scrape interval of the models' pods, in seconds. Evidence is counted
            between scrapes, so too small a value sees gaps, and too large a one sees late.
        webhook_allow: What the address of a gate's webhook, or of who is told of transitions, may begin with:
            scheme, host and port, and a path below which everything is allowed. None by default: users would
            reach what only the operator can.
        notification_channels: Folder with a file for each channel, whose address is a secret; a file
            `<namespace>.<channel>` is for one namespace.
        workers: Looks at once. They wait for the API server most of the time; more only press it harder.
        otlp_endpoint: Where spans are sent, by OTLP over HTTP; None for no spans.
        host: Address that metrics and probes are served on.
        http_port: Its port; 0 for any free one.
        sweep_interval: Seconds between searches for deletions that a watch has missed.
        kubeconfig: None in a pod, or for the user's own.
        leader_elect: Whether replicas settle by a Lease which of them acts; None: in a pod, or where a
            namespace for the Lease is given.
        lease_namespace: Where the Lease is; None for the pod's own namespace.
        lease: Its times.
    """

    namespaces: tuple[str, ...] = ()
    prometheus: str | None = None
    prometheus_config: Path | None = None
    catalogue: Path | None = None
    scrape_interval: float = 15.0
    webhook_allow: tuple[str, ...] = ()
    notification_channels: Path | None = None
    workers: int = 8
    otlp_endpoint: str | None = None
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus call from outside the pod
    http_port: int = 8080
    sweep_interval: float = 600.0
    kubeconfig: Path | None = None
    leader_elect: bool | None = None
    lease_namespace: str | None = None
    lease: LeaseTimes = field(default_factory=LeaseTimes)


def lease_namespace(settings: Settings) -> str | None:
    """Where the replicas' Lease is; None where none is wanted."""
    place = settings.lease_namespace or own_namespace()
    return None if settings.leader_elect is False else place
