"""The command line. Arguments become settings here, and errors become exit codes.

`run`, `crd` and `version` are done here; the commands of the workbench register and run themselves.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from serin.api.crd import crd_yaml
from serin.catalogue.loader import BadCatalogueError
from serin.kube.access import BadAccess, own_namespace
from serin.prom.config import ConfigError
from serin.runtime.lease import LeaseLost
from serin.runtime.logs import FORMATS, log_to
from serin.runtime.missing import RestartWanted
from serin.runtime.settings import LeaseTimes, Settings
from serin.runtime.sweeper import StalledWatch
from serin.runtime.tracing import TracingUnavailable
from serin.startup import run

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class Exit(IntEnum):
    """How the process ended, for who started it."""

    OK = 0
    FAILED = 1
    START_AGAIN = 75


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    asked = sys.argv[1:] if arguments is None else arguments
    parser = _parser(workbench=asked[:1] != ["run"])
    parsed = parser.parse_args(asked)
    match parsed.command:
        case "crd":
            sys.stdout.write(crd_yaml())
        case "version":
            print(f"serin {version('serin')}")
        case "run":
            try:
                settings = _settings(parsed)
            except ValueError as error:
                parser.error(str(error))
            log_to(level=parsed.log_level, form=parsed.log_format)
            return _run(settings)
        case _:
            return int(parsed.act(parsed))
    return Exit.OK


def _run(settings: Settings) -> Exit:
    logger = logging.getLogger("serin")
    try:
        asyncio.run(run(settings))
    except (RestartWanted, StalledWatch, LeaseLost) as wanted:
        logger.info("restart wanted", extra={"reason": str(wanted)})
        return Exit.START_AGAIN
    except (BadCatalogueError, ConfigError, BadAccess, TracingUnavailable) as error:
        logger.error("not started", extra={"reason": str(error)})
        return Exit.FAILED
    return Exit.OK


def _settings(parsed: argparse.Namespace) -> Settings:
    """The settings. Raises ValueError, in words for a person, where two options contradict each other."""
    if parsed.leader_elect and not parsed.lease_namespace and not own_namespace():
        raise ValueError(
            "--leader-elect: outside of a pod it needs --lease-namespace, where the Lease is to be"
        )
    return Settings(
        namespaces=tuple(parsed.namespace),
        prometheus=parsed.prometheus or None,
        prometheus_config=parsed.prometheus_config,
        catalogue=parsed.catalogue,
        scrape_interval=parsed.scrape_interval,
        webhook_allow=tuple(parsed.webhook_allow),
        notification_channels=parsed.notification_channels,
        workers=parsed.workers,
        otlp_endpoint=parsed.otlp_endpoint or None,
        host=parsed.host,
        http_port=parsed.http_port,
        sweep_interval=parsed.sweep_interval,
        kubeconfig=parsed.kubeconfig,
        leader_elect=parsed.leader_elect,
        lease_namespace=parsed.lease_namespace,
        lease=LeaseTimes(
            duration=parsed.lease_duration,
            renew_deadline=parsed.lease_renew_deadline,
            retry_period=parsed.lease_retry_period,
        ),
    )


def _add_workbench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Each registers its arguments, and as `act` what is done with them."""
    # Only here: an operator would hold six megabytes of it as long as it runs.
    from serin.workbench import replaying
    from serin.workbench.corpus import command as collecting
    from serin.workbench.simulation import command as simulating

    for command in (replaying, simulating, collecting):
        command.register(commands)


def _parser(*, workbench: bool = True) -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="serin", description="Rolls out machine-learning models, judged.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    commands.add_parser("version", help="print the version")
    if workbench:
        _add_workbench(commands)
    run_ = commands.add_parser(
        "run",
        help="run the operator",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="Each option may come from the environment instead: SERIN_PROMETHEUS for --prometheus.",
    )

    def option(name: str, default: object, meaning: str, kind: Callable[[str], object] = str) -> None:
        value = os.environ.get(f"SERIN_{name.upper().replace('-', '_')}", default)
        run_.add_argument(f"--{name}", default=value, type=kind, help=meaning)

    run_.add_argument(
        "--namespace",
        action="append",
        default=os.environ.get("SERIN_NAMESPACE", "").split(),
        help="look only here; may be repeated; default: the whole cluster",
    )
    option("prometheus", None, "address of the Prometheus that judges")
    option("prometheus-config", None, "file of Prometheuses, for several or with credentials", Path)
    option(
        "catalogue", None, "folder of rows of runtimes and data planes, beside those that come along", Path
    )
    option(
        "scrape-interval", defaults.scrape_interval, "its scrape interval of the models, seconds", _seconds
    )
    run_.add_argument(
        "--webhook-allow",
        action="append",
        type=_prefix,
        metavar="URL",
        default=[_prefix(url) for url in os.environ.get("SERIN_WEBHOOK_ALLOW", "").split()],
        help="what addresses of webhooks and notifications may begin with; may be repeated; default: none",
    )
    option("notification-channels", None, "folder of secret addresses, one file for each channel", Path)
    option("workers", defaults.workers, "looks at once", _workers)
    option("otlp-endpoint", None, "a collector of OpenTelemetry for spans; needs serin[tracing]", _prefix)
    option("host", defaults.host, "address of metrics and probes")
    option("http-port", defaults.http_port, "port of metrics and probes; 0 for any", int)
    option("sweep-interval", defaults.sweep_interval, "seconds between searches for lost deletions", _seconds)
    option("kubeconfig", None, "default: the pod's service account, else the user's own", Path)
    told = os.environ.get("SERIN_LEADER_ELECT")
    run_.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=None if told is None else told.lower() in ("1", "true", "yes"),
        help="let a Lease settle which replica acts; default: in a pod, or with --lease-namespace",
    )
    option("lease-namespace", None, "where the Lease is; default: the pod's own namespace")
    lease = defaults.lease
    option("lease-duration", lease.duration, "seconds after which a silent leader is replaced", float)
    option("lease-renew-deadline", lease.renew_deadline, "seconds after which it stops by itself", float)
    option("lease-retry-period", lease.retry_period, "seconds between its renewals", float)
    option("log-level", "INFO", "DEBUG, INFO, WARNING or ERROR", _level)
    option("log-format", "json", "json, ecs (Elastic Common Schema) or text", _format)
    return parser


def _seconds(text: str) -> float:
    if not 1 <= (value := float(text)) < inf:
        raise argparse.ArgumentTypeError(f"need at least 1 second, found {text}")
    return value


def _prefix(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise argparse.ArgumentTypeError(f"need an address such as https://hooks.example.com/, found {text}")
    return text


def _workers(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"need at least 1, found {text}")
    return value


def _format(text: str) -> str:
    if text not in FORMATS:
        raise argparse.ArgumentTypeError(f"need {', '.join(FORMATS)}, found {text}")
    return text


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise argparse.ArgumentTypeError(f"need {', '.join(LEVELS)}, found {text}")
    return text.upper()


if __name__ == "__main__":
    sys.exit(main())
