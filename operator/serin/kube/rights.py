"""What the operator must be allowed to do, and which of it is missing, with the rule that grants it.

The same as the roles in `manifests/`; a test holds them against each other. The server is asked for each
right alone, since only it knows what roles, bindings and wildcards come to.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serin.kube.errors import Request
from serin.kube.kinds import (
    CONTROLLER_REVISION,
    CRON_JOB,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    HTTP_ROUTE,
    JOB,
    LEASE,
    MODEL_DEPLOYMENT,
    POD,
    SERVICE,
    Kind,
    places,
)
from serin.kube.transport import JSON, Transport

REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
READ: Final = ("list", "watch")
AT_ONCE: Final = 8

NEEDED: Final[Mapping[tuple[Kind, str], Sequence[str]]] = {
    (MODEL_DEPLOYMENT, ""): READ,
    (MODEL_DEPLOYMENT, "status"): ("patch",),
    (CONTROLLER_REVISION, ""): ("get", *READ, "create", "patch", "delete"),
    (DEPLOYMENT, ""): ("get", *READ, "create", "patch"),
    (SERVICE, ""): ("get", *READ, "create", "patch"),
    (HTTP_ROUTE, ""): ("get", *READ, "create", "patch", "delete"),
    (ENDPOINT_SLICE, ""): READ,
    (POD, ""): READ,
    (JOB, ""): ("get", *READ, "create", "patch", "delete"),
    (CRON_JOB, ""): ("get",),
    (EVENT, ""): ("create",),
}
NEEDED_FOR_LEASE: Final[Mapping[str, Sequence[str]]] = {"": ("create",), "named": ("get", "watch", "update")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one resource, in one namespace or in all; `name` where it is for one object only."""

    verb: str
    kind: Kind
    subresource: str = ""
    namespace: str | None = None
    name: str = ""

    @property
    def resource(self) -> str:
        """As in a rule."""
        return "/".join(filter(None, (self.kind.plural, self.subresource)))

    @property
    def reads(self) -> bool:
        """Whether it is needed to see what exists."""
        return self.verb in READ


def needed(kinds: Iterable[Kind], namespaces: Sequence[str]) -> list[Right]:
    """Everything for these kinds of children, in these namespaces or in all."""
    there = {MODEL_DEPLOYMENT, *kinds, CRON_JOB, EVENT}
    return [
        Right(verb=verb, kind=kind, subresource=subresource, namespace=namespace)
        for namespace in places(namespaces)
        for (kind, subresource), verbs in NEEDED.items()
        if kind in there
        for verb in verbs
    ]


def needed_for_lease(namespace: str, name: str) -> list[Right]:
    """Everything for the Lease of that name."""
    return [
        Right(verb=verb, kind=LEASE, namespace=namespace, name=name if which else "")
        for which, verbs in NEEDED_FOR_LEASE.items()
        for verb in verbs
    ]


async def missing(transport: Transport, rights: Iterable[Right]) -> list[Right]:
    """Those that the operator's account does not have, in their order. May be repeated at will."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def lacks(right: Right) -> bool:
        async with turns:
            return not await _has(transport, right)

    asked = list(rights)
    answers = await asyncio.gather(*(lacks(right) for right in asked))
    return [right for right, lacking in zip(asked, answers, strict=True) if lacking]


def cure(rights: Sequence[Right]) -> str:
    """What is missing and the rules that grant it, in words."""
    return "; ".join(_words(place, of) for place, of in _by_place(rights).items())


def _by_place(rights: Sequence[Right]) -> Mapping[str | None, list[Right]]:
    found: dict[str | None, list[Right]] = {}
    for right in rights:
        found.setdefault(right.namespace, []).append(right)
    return found


def _words(namespace: str | None, rights: Sequence[Right]) -> str:
    rules: dict[tuple[str, str, str], list[str]] = {}
    for right in rights:
        rules.setdefault((right.kind.group, right.resource, right.name), []).append(right.verb)
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    role = f"the operator's Role in {namespace}" if namespace else "the operator's ClusterRole"
    return f"rights are missing {where}; add to the rules of {role}: " + ", ".join(
        _rule(group, resource, name, verbs) for (group, resource, name), verbs in rules.items()
    )


def _rule(group: str, resource: str, name: str, verbs: Sequence[str]) -> str:
    names = f", resourceNames: [{name}]" if name else ""
    rule = f'apiGroups: ["{group}"], resources: [{resource}], verbs: [{", ".join(verbs)}]'
    return f"{{{rule}{names}}}"


async def _has(transport: Transport, right: Right) -> bool:
    attributes = {
        "verb": right.verb,
        "group": right.kind.group,
        "resource": right.kind.plural,
        "subresource": right.subresource,
        "namespace": right.namespace or "",
        "name": right.name,
    }
    answer = await transport.send(
        Request(f"may {right.verb}", right.kind.name, right.namespace),
        "POST",
        REVIEWS,
        content_type=JSON,
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        },
    )
    return bool(answer["status"]["allowed"])
