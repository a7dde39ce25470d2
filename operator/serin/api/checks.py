"""`spec.analysis.guards` and `gates`: what is checked beside the comparison of the two revisions.

A guard's query is held to the namespace here already, so that what cannot be is refused with its field.
"""

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from pydantic import Field, StrictInt

from serin.api.invalid import InvalidSpec, invalid
from serin.api.spelling import HttpAddress, Label, Number, ObjectName, Rule, Spelled
from serin.domain.analysis.confined import LONGEST_QUERY, NotConfinable, Place, confined
from serin.domain.analysis.guards import GuardPolicy
from serin.domain.gates import PROMOTION, GatePolicy

JOB_SECONDS: Final = 3600
WEBHOOK_SECONDS: Final = 10


class Guard(Spelled):
    """An absolute limit, for what has no counterpart on the stable side."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.max) || has(self.min)",
            holds=lambda guard: guard.maximum is not None or guard.minimum is not None,
            message="a guard needs a limit: give max, or min, or both",
        ),
        Rule(
            cel="!has(self.max) || !has(self.min) || double(self.min) <= double(self.max)",
            holds=lambda guard: (
                guard.maximum is None
                or guard.minimum is None
                or Decimal(guard.minimum) <= Decimal(guard.maximum)
            ),
            message="min is above max, and nothing lies between",
            field="min",
        ),
    )

    name: Label
    """Shown in status and Events."""
    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)]
    """PromQL that yields the number itself (not a comparison, which yields nothing while all is well). Every
    selector names its metric, and is held to the namespace of the ModelDeployment; a range is a day at most.
    $canary and $stable in label values stand for the names of the two revisions' pods, as in
    pod=~"$canary". No series, or NaN, is no information."""
    maximum: Number | None = Field(default=None, alias="max")
    """A number above this is a failure; of several series one is enough."""
    minimum: Number | None = Field(default=None, alias="min")
    """A number below this is a failure; of several series one is enough."""
    failure_limit: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    """So many failures in a row, one look per scrape interval, reject the revision. Looked at from the first
    step until the bake ends; a change of the limits acts at once."""


class TemplateRef(Spelled):
    """A CronJob of the same namespace."""

    name: ObjectName
    """Its name. Only its jobTemplate is used, as kubectl create job --from=cronjob/<name> does; suspend it
    where it is to do nothing else."""


class GateJob(Spelled):
    """A Job that must complete."""

    template_ref: TemplateRef
    """What it is made from. Its containers are told the attempt by SERIN_MODEL, SERIN_REVISION,
    SERIN_ATTEMPT, SERIN_STEP and SERIN_ADDRESS, the canary's own address, which answers at any weight."""


class Webhook(Spelled):
    """An address that must answer with 2xx."""

    url: HttpAddress
    """Asked by POST with the attempt, the step, the names of the revisions and the canary's address, in JSON;
    one try has one Idempotency-Key, however often it has to be sent. The operator must allow the address
    (--webhook-allow). 4xx is a no, except for 408 and 429, which are tried again like 5xx and silence."""


class Gate(Spelled):
    """Something that must succeed before a step."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.job) != has(self.webhook)",
            holds=lambda gate: (gate.job is None) != (gate.webhook is None),
            message="a gate is either a job or a webhook",
        ),
    )

    name: Label
    """Shown in status and Events."""
    before_step: Label
    """The step whose weight waits for it, by name; promotion for 100 %. It is asked when nothing else is in
    the way any more: before the first step, when the canary is ready and has no traffic. A person's promote
    goes around it, as it goes around evidence."""
    job: GateJob | None = None
    """Run this and wait until it completes."""
    webhook: Webhook | None = None
    """Ask this and wait for its answer."""
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=86400)] | None = None
    """How long one try may take; of a Job, its activeDeadlineSeconds. Default 3600 for a Job, 10 for a
    webhook."""
    retries: Annotated[StrictInt, Field(ge=0, le=10)] = 2
    """Tries after the first one. When the last of them fails, the revision is rejected."""


def guards_of(
    guards: tuple[Guard, ...], *, namespace: str, name: str
) -> tuple[GuardPolicy, ...] | InvalidSpec:
    """The limits; a query that cannot be held to the namespace is refused."""
    somewhere = Place(namespace=namespace, words=dict.fromkeys(("canary", "stable"), name))
    for index, guard in enumerate(guards):
        try:
            confined(guard.query, somewhere)
        except NotConfinable as error:
            return invalid(f"spec.analysis.guards[{index}].query", str(error), found=guard.query)
    return tuple(
        GuardPolicy(
            name=guard.name,
            query=guard.query,
            maximum=None if guard.maximum is None else Decimal(guard.maximum),
            minimum=None if guard.minimum is None else Decimal(guard.minimum),
            failure_limit=guard.failure_limit,
        )
        for guard in guards
    )


def gates_of(gates: tuple[Gate, ...], *, steps: Collection[str]) -> tuple[GatePolicy, ...] | InvalidSpec:
    """The gates; one before a step that there is not is refused."""
    for index, gate in enumerate(gates):
        if gate.before_step not in (*steps, PROMOTION):
            need = f"need the name of a step, or {PROMOTION}: {', '.join((*steps, PROMOTION))}"
            return invalid(f"spec.analysis.gates[{index}].beforeStep", need, found=gate.before_step)
    return tuple(
        GatePolicy(
            name=gate.name,
            before=gate.before_step,
            template=gate.job.template_ref.name if gate.job else None,
            webhook=gate.webhook.url if gate.webhook else None,
            timeout=timedelta(seconds=gate.timeout_seconds or (JOB_SECONDS if gate.job else WEBHOOK_SECONDS)),
            retries=gate.retries,
        )
        for gate in gates
    )
