"""The commands that show: get, list, evidence, explain, history."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from serin.domain.names import GROUP, KIND
from serin.plugin.cluster import KIND_WORDS, Cluster
from serin.plugin.evidence import evidence, evidence_document
from serin.plugin.exits import Exit, Trouble
from serin.plugin.explain import explanation, explanation_document
from serin.plugin.family import family, following
from serin.plugin.history import history, history_document
from serin.plugin.listing import listing
from serin.plugin.models import Model, Object
from serin.plugin.session import Session, now
from serin.plugin.terminal import Line
from serin.plugin.tree import tree

RESOURCE: Final = f"{KIND.lower()}.{GROUP}"
"""What kubectl calls the kind where it prints names."""
REDRAW_SECONDS: Final = 1.0
"""How often ages are drawn anew while nothing happens."""
SETTLE_SECONDS: Final = 0.1
"""How long news are gathered before they are drawn: a rollout's come in bursts."""


async def get(session: Session) -> Exit:
    """One model as a tree, or all of them."""
    named = session.options.names
    if not named or (len(named) == 1 and named[0].lower() in KIND_WORDS):
        if session.options.watch:
            raise Trouble("no model is named", "name one to watch", code=Exit.USAGE)
        return await list_models(session)
    async with session.cluster() as cluster:
        if session.options.watch:
            return await _watched(session, cluster)
        keys = session.named()
        if session.documents:
            found = [(await cluster.model(key)).raw for key in keys]
            session.write(found[0] if len(found) == 1 else _listed(found))
            return Exit.OK
        for index, key in enumerate(keys):
            shown = await family(cluster, key)
            if session.output == "name":
                session.terminal.say(f"{RESOURCE}/{key.name}")
            else:
                session.terminal.say(*([""] if index else []), *tree(shown, now()))
    return Exit.OK


def _listed(found: Sequence[Object]) -> dict[str, Any]:
    """Several objects as kubectl prints them."""
    return {"apiVersion": "v1", "kind": "List", "items": list(found)}


async def _watched(session: Session, cluster: Cluster) -> Exit:
    terminal, key, drawn = session.terminal, session.key(), list[Line]()
    async with following(cluster, key) as known:
        terminal.open()
        try:
            while not known.gone:
                known.changed.clear()
                picture = tree(known.family, now())
                if terminal.live or _without_ages(picture) != _without_ages(drawn):
                    terminal.draw(picture)
                drawn = picture
                await _news(known.changed)
        finally:
            terminal.close(drawn)
    terminal.warn(f"modeldeployment/{key.name} was deleted")
    return Exit.FAILED


async def _news(changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(REDRAW_SECONDS):
            await changed.wait()
            await asyncio.sleep(SETTLE_SECONDS)
    except TimeoutError:
        return


def _without_ages(picture: list[Line]) -> list[str]:
    """What a picture says besides ages, which change each second."""
    return ["".join(span.text for span in row if not _is_age(span.text)) for row in picture]


def _is_age(text: str) -> bool:
    return text[:1].isdigit() and text[-1:] in "smhdy"


async def list_models(session: Session) -> Exit:
    """All models of the namespace, or of all."""
    options = session.options
    place = session.place()
    async with session.cluster() as cluster:
        found = await cluster.models(None if options.all_namespaces else place.namespace, options.selector)
    if session.documents:
        session.write(_listed(found))
        return Exit.OK
    models = sorted((Model.of(raw) for raw in found), key=lambda one: one.key)
    if session.output == "name":
        session.terminal.say(*(f"{RESOURCE}/{one.key.name}" for one in models))
    elif not models:
        where = "" if options.all_namespaces else f" in the namespace {place.namespace}"
        session.terminal.warn(f"No models found{where}.")
    else:
        wide = session.output == "wide"
        session.terminal.say(*listing(models, now(), namespaces=options.all_namespaces, wide=wide))
    return Exit.OK


async def show_evidence(session: Session) -> Exit:
    """The numbers, in words."""
    queries = session.options.queries
    return await _shown(session, lambda model: evidence(model, queries=queries), evidence_document)


async def explain(session: Session) -> Exit:
    """Why it is so, and what would cure it."""
    return await _shown(session, explanation, explanation_document)


async def show_history(session: Session) -> Exit:
    """What was tried, and what came of it."""
    return await _shown(session, history, history_document)


async def _shown(
    session: Session, lines: Callable[[Model], list[Line]], document: Callable[[Model], Any]
) -> Exit:
    async with session.cluster() as cluster:
        models = [await cluster.model(key) for key in session.named()]
    if session.documents:
        documents = [document(model) for model in models]
        session.write(documents[0] if len(documents) == 1 else documents)
        return Exit.OK
    for index, model in enumerate(models):
        session.terminal.say(*([""] if index else []), *lines(model))
    return Exit.OK
