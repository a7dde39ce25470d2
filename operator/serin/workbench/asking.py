"""The options of `serin replay` that ask a Prometheus instead of a file, and what they mean."""

import argparse
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from serin.catalogue.loader import builtin
from serin.catalogue.rows import CounterRow
from serin.domain.analysis.counters import Arm
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.selectors import NotACounter, parse_counter
from serin.prom.config import ConfigError, read_config
from serin.prom.credentials import Credentials
from serin.prom.endpoints import INTERVAL_SECONDS, same_address
from serin.workbench.live import Matchers, Wanted, recorded
from serin.workbench.matrices import InvalidRecording
from serin.workbench.recorded import Kind

_MARGINS: Final = {
    "max_ratio": ("maxRatio", "the canary may be so many times as bad"),
    "max_shift": ("maxShift", "no cut of a histogram may move by more than this share of requests"),
    "max_slowdown": ("maxSlowdown", "the canary may take so many times as long"),
}


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    live = parser.add_argument_group("from a Prometheus")
    live.add_argument("--prometheus", metavar="URL", help="its address; instead of a file")
    live.add_argument(
        "--prometheus-config", type=Path, metavar="FILE", help="how to be let in, as of serin run"
    )
    live.add_argument("--from", dest="start", type=_moment, metavar="T", help="when the rollout began")
    live.add_argument("--to", dest="end", type=_moment, metavar="T", help="when it ended; default: now")
    live.add_argument("--stable", type=_matchers, metavar="SELECTOR", help='such as {pod=~"fraud-v1-.*"}')
    live.add_argument("--canary", type=_matchers, metavar="SELECTOR", help="the same for the canary")
    live.add_argument("--requests", metavar="COUNTER", help="counter of all requests, with matchers")
    live.add_argument("--bad", metavar="COUNTER", help="counter of the bad ones among them")
    live.add_argument("--histogram", metavar="METRIC", help="instead: a histogram's _bucket series")
    live.add_argument("--preset", metavar="RUNTIME", help="instead: what that runtime counts")
    live.add_argument(
        "--slower-than", type=float, metavar="MS", help="of a histogram or preset: slower requests are bad"
    )
    for name, (_, meaning) in _MARGINS.items():
        live.add_argument(f"--{name.replace('_', '-')}", metavar="N", help=meaning)
    live.add_argument("--interval", type=float, default=INTERVAL_SECONDS, metavar="S", help="of scrapes")
    live.add_argument("--save", type=Path, metavar="FILE", help="keep what was read, as a recording")


def document_of(parsed: argparse.Namespace) -> object:
    """Ask Prometheus, and keep the answer where that is wished.

    Raises:
        InvalidRecording: The words do not say what to ask for, or it was not answered.
    """
    document = recorded(_wanted(parsed))
    if parsed.save is not None:
        try:
            parsed.save.write_text(json.dumps(document))
        except OSError as error:
            raise InvalidRecording(f"{parsed.save}: {error.strerror}") from error
    return document


def _wanted(parsed: argparse.Namespace) -> Wanted:
    missing = [f"--{name}" for name, key in _NEEDED.items() if getattr(parsed, key) is None]
    if missing:
        raise InvalidRecording(f"--prometheus needs {', '.join(missing)} too")
    end = time.time() if parsed.end is None else parsed.end
    if end <= parsed.start:
        raise InvalidRecording("--to: need a time after --from")
    kind, counters = _counters(parsed)
    margins = {
        key: value for name, (key, _) in _MARGINS.items() if (value := getattr(parsed, name)) is not None
    }
    if kind is Kind.LATENCY and parsed.slower_than is not None:
        margins["slowerThanMilliseconds"] = parsed.slower_than
    return Wanted(
        address=parsed.prometheus,
        start=parsed.start,
        end=end,
        interval=parsed.interval,
        arms={Arm.STABLE: parsed.stable, Arm.CANARY: parsed.canary},
        signal={"kind": str(kind), **margins},
        counters=counters,
        credentials=_credentials(parsed.prometheus, parsed.prometheus_config),
    )


_NEEDED: Final = {"from": "start", "stable": "stable", "canary": "canary"}


def _counters(parsed: argparse.Namespace) -> tuple[Kind, Mapping[str, Counter]]:
    try:
        if parsed.requests is not None and parsed.bad is not None:
            pair = {"requests": parse_counter(parsed.requests), "bad": parse_counter(parsed.bad)}
            return Kind.COUNTERS, pair
        if parsed.histogram is not None:
            timed = parsed.slower_than is not None or parsed.max_slowdown is not None
            return Kind.LATENCY if timed else Kind.SCORES, {"buckets": parse_counter(parsed.histogram)}
    except NotACounter as error:
        raise InvalidRecording(str(error)) from error
    if parsed.preset is not None:
        return _of_preset(parsed.preset, latency=parsed.slower_than is not None)
    raise InvalidRecording("say what to compare: --requests and --bad, or --histogram, or --preset")


def _of_preset(name: str, *, latency: bool) -> tuple[Kind, Mapping[str, Counter]]:
    runtimes = builtin().runtimes
    if name not in runtimes:
        raise InvalidRecording(f"--preset {name}: need one of {', '.join(sorted(runtimes))}")
    rows = runtimes[name].signals
    if latency and rows.latency is not None:
        buckets = Counter(metric=f"{rows.latency.metric}_bucket", matchers=rows.latency.matchers)
        return Kind.LATENCY, {"buckets": buckets}
    if latency or rows.errors is None:
        what = "has no histogram of latency; give --histogram" if latency else "does not count errors"
        raise InvalidRecording(f"--preset {name}: it {what}")
    return Kind.ERRORS, {"requests": _counter(rows.errors.requests), "bad": _counter(rows.errors.bad)}


def _counter(row: CounterRow) -> Counter:
    return Counter(metric=row.metric, matchers=row.matchers)


def _credentials(address: str, file: Path | None) -> Credentials | None:
    """How to be let in, by the entry of the file that has this address."""
    if file is None:
        return None
    try:
        entries = read_config(file)
    except ConfigError as error:
        raise InvalidRecording(str(error)) from error
    found = next((one for one in entries if same_address(one.url, address)), None)
    if found is None:
        raise InvalidRecording(f"--prometheus-config: {file} has no entry with the address {address}")
    return Credentials(found.access)


def _moment(text: str) -> float:
    """Unix seconds, or a date and time, which is UTC unless it says otherwise."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        need = f"need Unix seconds or a time such as 2026-01-01T12:00:00Z, found {text}"
        raise argparse.ArgumentTypeError(need) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _matchers(text: str) -> Matchers:
    """The matchers of a selector; its braces may be left out."""
    inside = text.strip()
    try:
        return parse_counter(f"arm{inside if inside.startswith('{') else f'{{{inside}}}'}").matchers
    except NotACounter as error:
        need = f'need matchers of labels, such as pod=~"fraud-v1-.*", found {text}'
        raise argparse.ArgumentTypeError(need) from error
