"""What a run left behind, read for its verdict: the gateway's access log, and what had no endpoints when.

Excuses are made as long as the harm that a fault did, and no longer: until the endpoints are back, the route
is the operator's again, or the API server can tell the gateway of it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp

from tests.cluster import waiting
from tests.cluster.traffic import Results
from tests.endurance.causes import SETTLED, Failed, Injected
from tests.endurance.fleet import version_of
from tests.endurance.schedule import Fault
from tests.invariants.world import Seen, World, revision_of, route_weights

BAD_FROM: Final = 400
END: Final = "end-of-the-log"
"""The host of a request after which nothing is asked any more."""
TAKES_EFFECT: Final = 10.0
"""Seconds until what was done to a revision shows in its endpoints, on a busy machine."""


async def flushed(access_log: Path, url: str) -> None:
    """Wait until the log has all that was asked before: Envoy writes it every ten seconds, in its order."""
    known = _length(access_log)
    async with aiohttp.ClientSession() as http, http.get(url, headers={"Host": END}):
        pass

    async def written() -> bool:
        return END.encode() in _rest(access_log, known)

    await waiting.until(written, what="the end of the access log")


def _length(log: Path) -> int:
    return log.stat().st_size


def _rest(log: Path, since: int) -> bytes:
    with log.open("rb") as opened:
        opened.seek(since)
        return opened.read()


def failures(access_log: Path) -> Iterator[Failed]:
    """Every request that the gateway saw fail."""
    for text in access_log.read_text().splitlines():
        line = json.loads(text)
        status = int(line["status"] or 0)
        if 0 < status < BAD_FROM or line["host"] == END:
            continue
        backend = (line["backend"] or "").split("_")
        yield Failed(
            at=datetime.fromisoformat(line["at"]).timestamp(),
            seconds=(line["milliseconds"] or 0) / 1000,
            model=(line["host"] or "").partition(".")[0],
            revision=backend[1] if len(backend) > 1 else "",
            pod=(line["pod"] or "").partition(":")[0],
            status=status,
            detail=f"{line['flags']} {line['details']}",
        )


def unanswered(model: str, results: Results) -> Iterator[Failed]:
    """Requests that ended without an answer of the gateway."""
    for one in results.sent:
        if one.status is None:
            yield Failed(at=one.at, seconds=one.seconds, model=model, detail=f"{one.fate} {one.detail}")


def versions(history: Iterable[Seen]) -> dict[str, str]:
    """The version of each revision that ever had a Deployment."""
    return {
        seen.object["metadata"]["name"]: version_of(seen.object)
        for seen in history
        if seen.object["kind"] == "Deployment"
    }


def drawn_out(injected: list[Injected], history: list[Seen]) -> None:
    """Let each fault last as long as the harm it did."""
    outages = [one for one in injected if one.what == Fault.API_SERVER_KILLED]
    gone = list(_without_endpoints(history))
    for fault in injected:
        for revision, since, until in gone:
            if revision in fault.revisions and since <= fault.until + TAKES_EFFECT and until >= fault.at:
                fault.until = max(fault.until, until)
        if fault.route:
            fault.until = max(fault.until, _put_back(fault, history))
        if fault.what == Fault.POD_DELETED:
            fault.until = max(fault.until, _left_out(fault, history))
        for outage in outages:
            if outage.at <= fault.until + SETTLED and outage.until >= fault.at:
                fault.until = max(fault.until, outage.until)


def _without_endpoints(history: list[Seen]) -> Iterator[tuple[str, float, float]]:
    """Each time that a revision that had ready endpoints had none: the revision, from when to when."""
    world, empty = World(), dict[str, float]()
    for seen in history:
        world.take(seen)
        if seen.object["kind"] != "EndpointSlice" or not (revision := revision_of(seen.object)):
            continue
        if not world.ready(revision):
            empty.setdefault(revision, seen.at)
        elif (since := empty.pop(revision, None)) is not None:
            yield revision, since, seen.at
    for revision, since in empty.items():
        yield revision, since, history[-1].at


def _left_out(fault: Injected, history: list[Seen]) -> float:
    """When no endpoints named its pods any more: controllers that have lost their watch are late."""
    naming: dict[str, bool] = {}
    for seen in history:
        body = seen.object
        if body["kind"] != "EndpointSlice":
            continue
        before = any(naming.values())
        ready = (one for one in body.get("endpoints") or () if one["conditions"].get("ready"))
        named = any(fault.pods.intersection(one["addresses"]) for one in ready)
        naming[body["metadata"]["uid"]] = named and not seen.deleted
        if seen.at > fault.at and before and not any(naming.values()):
            return seen.at
    return fault.until


def _put_back(fault: Injected, history: list[Seen]) -> float:
    """When the model's route named its revisions again, with weights of the operator's making."""
    for seen in history:
        body = seen.object
        if body["kind"] != "HTTPRoute" or body["metadata"]["name"] != fault.model or seen.at <= fault.at:
            continue
        weights = route_weights(body)
        if sum(weights.values()) == 100 and all(name.startswith(f"{fault.model}-") for name in weights):
            return seen.at
    return fault.until
