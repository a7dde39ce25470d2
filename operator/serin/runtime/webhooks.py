"""Asks webhooks, one POST for each try of a gate, and remembers the answers until they are of no use.

Only addresses that the operator's list allows are asked; redirects lead elsewhere and are not followed. A
question that is repeated, by a restart for example, has the same Idempotency-Key as before. Webhooks of one
namespace that take long wait for each other, and for nobody else; the time a try has begins with its turn.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from serin.domain.gates import GateAnswer, GateRun, Outcome
from serin.domain.names import Key
from serin.runtime.turns import Turns

MOST_BYTES: Final = 2048
"""Of an answer's body that are read; of these the first words are passed on."""
LONGEST_MESSAGE: Final = 200
AT_ONCE: Final = 16
"""Questions of one namespace under way: a webhook may take a day to answer."""
_LATER: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Call:
    """The latest try that was asked for a key."""

    identity: str
    task: asyncio.Task[None]
    answer: GateAnswer | None = None


class Webhooks:
    """The webhooks of all attempts under way, at most one at a time for each.

    Args:
        changed: Called with the key and the seconds after which a look is due.
    """

    def __init__(self, *, changed: Callable[[Key, float], None]) -> None:
        self.session: aiohttp.ClientSession | None = None
        self._changed = changed
        self._calls: dict[Key, _Call] = {}
        self._turns: Turns[str] = Turns(AT_ONCE)

    def ask(self, key: Key, run: GateRun, question: Mapping[str, Any]) -> None:
        """Ask, unless that very try was asked already. May be repeated."""
        known = self._calls.get(key)
        if known is not None and known.identity == run.identity:
            return
        self.forget(key)
        task = asyncio.create_task(self._call(key, run, question), name=f"webhook {run.identity}")
        self._calls[key] = _Call(run.identity, task)

    def answers(self, key: Key) -> Mapping[str, GateAnswer]:
        """What was answered, by the identity of the try."""
        known = self._calls.get(key)
        return {known.identity: known.answer} if known is not None and known.answer is not None else {}

    def forget(self, key: Key) -> None:
        """Nobody wants to know any more."""
        known = self._calls.pop(key, None)
        if known is not None:
            known.task.cancel()

    async def close(self) -> None:
        """Forget everything, and wait until no question is under way."""
        tasks = [call.task for call in self._calls.values()]
        for key in list(self._calls):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, key: Key, run: GateRun, question: Mapping[str, Any]) -> None:
        try:
            async with self._turns.of(key.namespace):
                answer = await self._post(run, question)
        except TimeoutError:
            seconds = run.gate.timeout.total_seconds()
            answer = GateAnswer(Outcome.FAILED, f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = GateAnswer(Outcome.FAILED, f"cannot be reached: {error}"[:LONGEST_MESSAGE])
        except Exception:
            logger.exception("webhook failed", extra={"key": str(key), "gate": run.gate.name})
            answer = GateAnswer(Outcome.FAILED, "it could not be asked; the operator's log says why")
        fields = {"key": str(key), "try": run.identity, "outcome": answer.outcome.value}
        logger.info("webhook answered", extra=fields)
        call = self._calls.get(key)
        if call is not None and call.identity == run.identity:
            call.answer = answer
            self._changed(key, 0.0)

    async def _post(self, run: GateRun, question: Mapping[str, Any]) -> GateAnswer:
        if self.session is None or run.gate.webhook is None:
            raise ValueError("no webhook to ask, or nothing to ask it with")
        async with self.session.post(
            run.gate.webhook,
            json=question,
            headers={"Idempotency-Key": run.identity},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=run.gate.timeout.total_seconds()),
        ) as response:
            body = await response.content.read(MOST_BYTES)
        return answer_of(response.status, body)


def answer_of(status: int, body: bytes) -> GateAnswer:
    """What an answer means: 2xx yes, most of 4xx no, anything else nothing yet."""
    words = " ".join(body.decode(errors="replace").split())
    said = "".join(char for char in words if char.isprintable())[:LONGEST_MESSAGE]
    message = f"answered {status}{': ' if said else ''}{said}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return GateAnswer(Outcome.SUCCEEDED, message)
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER
    return GateAnswer(Outcome.REFUSED if refused else Outcome.FAILED, message)
