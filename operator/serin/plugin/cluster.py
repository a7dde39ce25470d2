"""The API server as the plugin uses it: models and their children are read, and requests written on them.

A person's own account asks, so nothing is taken for granted that `view` does not allow. What is written are
annotations and nothing else, by merge patch, on the very object that was looked at (its uid).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from serin.domain.names import MODEL_LABEL, Key
from serin.kube.client import MERGE
from serin.kube.connection import Call, within
from serin.kube.errors import Request
from serin.kube.kinds import KINDS, MODEL_DEPLOYMENT, Kind
from serin.kube.streams import changes, following
from serin.kube.transport import Transport
from serin.plugin.exits import Trouble, in_words
from serin.plugin.models import Model, Object
from serin.plugin.places import Place

FIELD_MANAGER: Final = "kubectl-serin"
PAGE: Final = "500"
WATCH_SECONDS: Final = 300.0
PATIENCE: Final = 10.0
"""How much later than announced a watch may end."""


class Cluster:
    """Open while the block of `reached` lasts. What goes wrong is raised as `Trouble`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    @asynccontextmanager
    async def reached(cls, place: Place) -> "AsyncIterator[Cluster]":
        """The cluster of a place."""
        with in_words():
            connected = Transport.connected(place.kubeconfig, context=place.context, instance="kubectl")
            async with connected as transport:
                yield cls(transport)

    async def model(self, key: Key) -> Model:
        """One model."""
        request = Request("get", MODEL_DEPLOYMENT.name, *key)
        raw = await self._transport.send(request, "GET", MODEL_DEPLOYMENT.path(*key))
        return Model.of(raw)

    async def models(self, namespace: str | None, selector: str = "") -> list[Object]:
        """All models of a namespace, or of all, as the server has them."""
        return (await self.listed(MODEL_DEPLOYMENT, namespace, selector))[0]

    async def listed(
        self, kind: Kind, namespace: str | None, labels: str = "", *, fields: str = ""
    ) -> tuple[list[Object], str]:
        """Objects of a kind, and the version at which they were so."""
        query = {"limit": PAGE, **_selectors(labels, fields)}
        found: list[Object] = []
        while True:
            request = Request("list", kind.name, namespace)
            answer = await self._transport.send(request, "GET", kind.path(namespace), query=query)
            found += answer["items"] or ()
            rest = answer["metadata"].get("continue")
            if not rest:
                return found, answer["metadata"]["resourceVersion"]
            query = {**query, "continue": rest}

    async def changes(
        self, kind: Kind, namespace: str | None, labels: str = "", *, fields: str = "", since: str
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Changes of a kind's objects after a version, as the server tells them. Ends by itself."""
        call = Call(
            request=Request("watch", kind.name, namespace),
            path=kind.path(namespace),
            query={**following(since, WATCH_SECONDS), **_selectors(labels, fields)},
        )
        limits = within(WATCH_SECONDS + PATIENCE)
        async with aclosing(changes(self._transport.connection, call, limits)) as told:
            async for change in told:
                yield change

    async def ask(self, model: Model, annotations: Mapping[str, str | None]) -> Object:
        """Write requests on a model, or take them away (None); the object as it is then."""
        return await self._transport.send(
            Request("annotate", MODEL_DEPLOYMENT.name, *model.key),
            "PATCH",
            MODEL_DEPLOYMENT.path(*model.key),
            query={"fieldManager": FIELD_MANAGER},
            content_type=MERGE,
            body={"metadata": {"uid": model.uid, "annotations": dict(annotations)}},
        )


CHILDREN: Final = tuple(KINDS[name] for name in ("ControllerRevision", "Deployment", "Pod"))
"""What the tree shows of a model."""


def of_model(key: Key) -> str:
    """The label selector of a model's children."""
    return f"{MODEL_LABEL}={key.name}"


def key_of(text: str, namespace: str) -> Key:
    """The model that a person names: NAME or kind/NAME."""
    kind, slash, name = text.rpartition("/")
    if slash and kind.lower() not in KIND_WORDS:
        raise Trouble(f"{text} is no ModelDeployment", "name one as NAME or modeldeployment/NAME")
    return Key(namespace, name)


KIND_WORDS: Final = frozenset(
    {
        "modeldeployment",
        "modeldeployments",
        "modeldeployment.serin.dev",
        "modeldeployments.serin.dev",
        "mdep",
        "rollout",
        "rollouts",
    }
)
"""What a person may call the kind; the last two by habit."""


def _selectors(labels: str, fields: str) -> dict[str, Any]:
    named = {"labelSelector": labels, "fieldSelector": fields}
    return {name: value for name, value in named.items() if value}
