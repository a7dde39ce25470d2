"""`spec.analysis.guards`: what is checked beside the comparison of the two revisions.

A guard's query is held to the namespace here already, so that what cannot be is refused with its field.
"""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from serin.api.invalid import InvalidSpec, invalid
from serin.api.spelling import Label, Number, Rule, Spelled
from serin.domain.analysis.confined import LONGEST_QUERY, NotConfinable, Place, confined
from serin.domain.analysis.guards import GuardPolicy


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
    selector is held to the namespace of the ModelDeployment. $canary and $stable in label values stand for
    the names of the two revisions' pods, as in pod=~"$canary". No series, or NaN, is no information."""
    maximum: Number | None = Field(default=None, alias="max")
    """A number above this is a failure; of several series one is enough."""
    minimum: Number | None = Field(default=None, alias="min")
    """A number below this is a failure; of several series one is enough."""
    failure_limit: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    """So many failures in a row, one look per scrape interval, reject the revision. Looked at from the first
    step until the bake ends; a change of the limits acts at once."""


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
