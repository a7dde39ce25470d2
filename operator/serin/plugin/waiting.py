"""`status`: follow a rollout to its end, for pipelines. Well is 0, failed 1, neither in time 2."""

import asyncio
import re
from argparse import ArgumentTypeError
from contextlib import suppress
from typing import Final

from serin.plugin.exits import Exit
from serin.plugin.family import Following, following
from serin.plugin.models import Health, Model
from serin.plugin.session import Session
from serin.plugin.terminal import line
from serin.plugin.words import standing

_ENDS: Final = {Health.HEALTHY: Exit.OK, Health.DEGRADED: Exit.FAILED}
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def duration(text: str) -> float:
    """Seconds of 90, 90s, 5m or 1h30m; for options."""
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        raise ArgumentTypeError(f"need a duration such as 90s, 5m or 1h30m, found {text}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds


async def status(session: Session) -> Exit:
    """Wait until the model is well or has failed, and tell each turn on the way."""
    options = session.options
    async with session.cluster() as cluster:
        if not options.watch:
            model = await cluster.model(session.key())
            _tell(session, model)
            return _told(session, model)
        async with following(cluster, session.key(), children=False) as known:
            with suppress(TimeoutError):
                async with asyncio.timeout(options.timeout or None):
                    await _until_it_ends(session, known)
            if known.gone:
                session.terminal.warn(f"error: modeldeployment/{session.key().name} was deleted")
                return Exit.FAILED
            if known.model.health not in _ENDS and not session.documents:
                over = f"neither healthy nor failed after {options.timeout:g} s"
                session.terminal.warn(f"error: {over}; the rollout itself goes on")
            return _told(session, known.model)


async def _until_it_ends(session: Session, known: Following) -> None:
    before: tuple[str, ...] = ()
    while not known.gone:
        known.changed.clear()
        model = known.model
        turn = (model.health, model.reason, str(model.step), str(model.seen))
        if turn != before:
            _tell(session, model)
        before = turn
        if model.health in _ENDS:
            return
        await known.changed.wait()


def _tell(session: Session, model: Model) -> None:
    if session.documents:
        return
    message = f": {model.message}" if model.message else ""
    session.terminal.say(line(*standing(model), message))


def _told(session: Session, model: Model) -> Exit:
    code = _ENDS.get(model.health, Exit.TIMED_OUT)
    if session.documents:
        session.write(
            {
                "namespace": model.key.namespace,
                "name": model.key.name,
                "health": model.health.value,
                "reason": model.reason,
                "message": model.message,
                "attempt": model.status.rollout.attempt if model.status.rollout else None,
                "exitCode": int(code),
            }
        )
    return code
