"""A ModelDeployment to apply, change and follow, whose pods are the small model server.

`spec` has good defaults for a rollout of seconds; what a test is about it names. `Model` waits for conditions
of the newest generation, and its failures show what was last seen.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.cluster.api import Api
from tests.cluster.resources import DEPLOYMENTS, HTTP_ROUTES, PODS, SERVICES, Object
from tests.cluster.waiting import PATIENT, PROBE_TIMEOUT, until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.invariants.world import REVISION, route_weights

IMAGE: Final = "serin.test/model:1"
GATEWAY: Final = {"name": "public", "namespace": "infra"}
Holds = Callable[[Object], object]


def spec(
    version: str = "1",
    *,
    router: str = "GatewayAPI",
    replicas: int = 3,
    steps: Mapping[int, int] | None = None,
    bake: int = 2,
    drain: int = 2,
    waits: bool = False,
    image: str = IMAGE,
    warm_up: int = 0,
    **behaviour: object,
) -> Object:
    """A spec; `steps` are seconds by weight, `behaviour` are fields of `model_server.Behaviour`.

    With `waits` the last step waits for a person.
    """
    wanted = {20: 1, 60: 1} if steps is None else steps
    made: list[Object] = [
        {"name": f"to-{weight}", "weight": weight, "minSeconds": least} for weight, least in wanted.items()
    ]
    if waits:
        made[-1]["pause"] = {}
    variables = {
        "REVISION": version,
        **{name.upper(): json.dumps(value) for name, value in behaviour.items()},
    }
    container = {
        "name": "model",
        "image": image,
        "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        "startupProbe": {"periodSeconds": 1},
        "readinessProbe": {"periodSeconds": 1, "timeoutSeconds": PROBE_TIMEOUT},
    }
    traffic: Object = {"router": router, "drainSeconds": drain}
    return {
        "model": {"format": "sklearn", "version": version},
        "replicas": replicas,
        "template": {"spec": {"containers": [container]}},
        "traffic": traffic,
        "rollout": {"canary": {"steps": made}, "bakeSeconds": bake},
        "analysis": {"warmUpSeconds": warm_up},
    }


class Model:
    """One ModelDeployment; with the router GatewayAPI its host is `<name>.example.com`."""

    def __init__(self, api: Api, namespace: str, name: str = "fraud") -> None:
        self.api, self.namespace, self.name = api, namespace, name
        self.host = f"{name}.example.com"

    async def apply(self, wanted: Object, **annotations: str) -> Object:
        """Apply a spec and requests (`serin.dev/…`) as a pipeline does: what is left out is taken back."""
        if wanted.get("traffic", {}).get("router") == "GatewayAPI":
            gateway = {"parentRefs": [GATEWAY], "hostnames": [self.host]}
            wanted = {**wanted, "traffic": {"gatewayAPI": gateway, **wanted["traffic"]}}
        asked = {f"serin.dev/{word}": value for word, value in annotations.items()}
        body = {
            "apiVersion": "serin.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name, "annotations": asked},
            "spec": wanted,
        }
        return await self.api.apply(body, self.namespace, manager="pipeline")

    async def ask(self, **annotations: str | None) -> None:
        """Set or remove (None) requests by annotation, as kubectl annotate does."""
        asked = {f"serin.dev/{word}": value for word, value in annotations.items()}
        await self.api.patch(
            MODEL_DEPLOYMENTS, self.name, {"metadata": {"annotations": asked}}, self.namespace
        )

    async def until(self, holds: Holds, *, within: float = PATIENT) -> Object:
        """Wait until the status speaks of the newest generation and the predicate holds of the object."""

        def current(seen: Object) -> object:
            return seen["status"]["observedGeneration"] == seen["metadata"]["generation"] and holds(seen)

        return await self.api.until(MODEL_DEPLOYMENTS, self.name, current, self.namespace, within=within)

    async def get(self) -> Object:
        return await self.api.get(MODEL_DEPLOYMENTS, self.name, self.namespace)

    async def status(self) -> Object:
        found: Object = (await self.get())["status"]
        return found

    async def weights(self) -> dict[str, int]:
        """The route's weights above 0, by revision name."""
        route = await self.api.get(HTTP_ROUTES, self.name, self.namespace)
        return {name: weight for name, weight in route_weights(route).items() if weight}

    async def until_weights(self, canary: int, *, within: float = PATIENT) -> dict[str, int]:
        """Wait until the route gives the canary this weight, and the stable revision the rest."""
        wanted = {canary, 100 - canary} - {0}
        return await until(
            self.weights,
            lambda found: set(found.values()) == wanted,
            within=within,
            what=f"{canary} % in the route {self.name}",
        )

    async def selected(self) -> str | None:
        """The revision that the root Service selects; None where it selects all."""
        service = await self.api.get(SERVICES, self.name, self.namespace)
        found = service["spec"]["selector"].get(REVISION)
        return f"{self.name}-{found}" if found else None

    async def until_widened(self) -> None:
        """Wait until the root Service selects every revision's pods, which are the weight then."""
        await self.api.until(
            SERVICES, self.name, lambda root: REVISION not in root["spec"]["selector"], self.namespace
        )

    async def sizes(self) -> dict[str, int]:
        """Replicas above 0 by revision name."""
        found = await self.api.list(DEPLOYMENTS, self.namespace, labels=f"serin.dev/model={self.name}")
        return {
            body["metadata"]["name"]: body["spec"]["replicas"] for body in found if body["spec"]["replicas"]
        }

    async def pods(self, revision: str) -> set[str]:
        """Uids of a revision's pods that are not on their way out."""
        return {meta["uid"] for meta in await self._pods(revision)}

    async def pod_names(self, revision: str) -> set[str]:
        """Their names."""
        return {meta["name"] for meta in await self._pods(revision)}

    async def _pods(self, revision: str) -> list[Object]:
        chosen = f"serin.dev/model={self.name},{REVISION}={revision.rpartition('-')[2]}"
        found = await self.api.list(PODS, self.namespace, labels=chosen)
        return [body["metadata"] for body in found if "deletionTimestamp" not in body["metadata"]]


def phase(*names: str) -> Holds:
    """The status has one of these phases."""
    return lambda seen: seen["status"]["phase"] in names


def condition(kind: str, status: str = "True", *, reason: str | None = None, says: str = "") -> Holds:
    """A condition has this status, this reason where one is given, and says this."""

    def holds(seen: Object) -> bool:
        found = conditions(seen).get(kind)
        if found is None or found["status"] != status or says not in found["message"]:
            return False
        return reason in (None, found["reason"])

    return holds


def conditions(seen: Object) -> dict[str, Any]:
    """The conditions by type."""
    return {entry["type"]: entry for entry in seen["status"].get("conditions") or []}


def state(name: str, *, step: int | None = None) -> Holds:
    """The attempt under way is in this state, and at this step."""

    def holds(seen: Object) -> bool:
        attempt = seen["status"].get("rollout") or {}
        return attempt.get("state") == name and (step is None or attempt.get("step", 0) == step)

    return holds


def attempt(seen: Object) -> str:
    """The attempt under way."""
    found: str = seen["status"]["rollout"]["attempt"]
    return found
