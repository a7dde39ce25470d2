"""The commands that ask something of a rollout: promote, abort, retry, pause, resume."""

from typing import Final

from serin.plugin.exits import Exit
from serin.plugin.orders import NotNow, Verb, abort, pause, promote, promote_full, resume, retry
from serin.plugin.session import Command, Session


def ordered(verb: Verb) -> Command:
    """The command that gives this order to each model named."""

    async def act(session: Session) -> Exit:
        return await _given(session, verb)

    return act


async def promoted(session: Session) -> Exit:
    """`promote`, or `promote --full`."""
    return await _given(session, promote_full if session.options.full else promote)


ORDERS: Final[dict[str, Command]] = {
    "promote": promoted,
    "abort": ordered(abort),
    "retry": ordered(retry),
    "pause": ordered(pause),
    "resume": ordered(resume),
}


async def _given(session: Session, verb: Verb) -> Exit:
    """Look, decide, write; what is so already is no failure, so that a pipeline may repeat itself."""
    code = Exit.OK
    async with session.cluster() as cluster:
        for key in session.named():
            model = await cluster.model(key)
            answer = verb(model)
            name = f"modeldeployment/{key.name}"
            if isinstance(answer, NotNow):
                told = f"{name}: {answer.why}" + (f"; {answer.cure}" if answer.cure else "")
                if answer.done:
                    session.terminal.say(told)
                else:
                    session.terminal.warn(f"error: {told}")
                    code = Exit.CANNOT
                continue
            changed = await cluster.ask(model, answer.annotations())
            if session.documents:
                session.write(changed)
            else:
                session.terminal.say(f"{name}: {answer.said}")
    return code
