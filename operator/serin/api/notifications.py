"""`spec.notifications`: who is told of a model's transitions, in which form, and of which.

An address has to be one that the operator may call. One that is a secret, as a chat's is, stays with the
operator: it has channels, and a ModelDeployment names one of them. The operator reads no Secrets.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from serin.api.spelling import AS_SET, EACH_ONCE, HttpAddress, Label, Rule, Spelled
from serin.domain.receivers import USUAL, Format, NotificationPolicy, Transition


class Notification(Spelled):
    """Somebody who is told."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.url) != has(self.channel)",
            holds=lambda asked: (asked.url is None) != (asked.channel is None),
            message="need one of url and channel",
        ),
    )

    name: Label
    """Shown in the operator's log."""
    url: HttpAddress | None = None
    """Its address, one that the operator may call. It is no secret: whoever reads the object reads it."""
    channel: Label | None = None
    """One of the operator's channels, by name: their addresses are secrets."""
    format: Format = Format.CLOUD_EVENTS
    """CloudEvents is version 1.0 as structured JSON. Slack is what Slack's incoming webhooks take, and
    Mattermost's and others'."""
    transitions: Annotated[
        tuple[Transition, ...],
        Field(min_length=1, max_length=len(Transition), json_schema_extra=AS_SET),
        EACH_ONCE,
    ] = USUAL
    """Those that are told, by the reasons of their Events. Default: how a rollout begins and ends,
    what took it back, and that it waits for a person."""


def notifications_of(asked: tuple[Notification, ...]) -> tuple[NotificationPolicy, ...]:
    """The receivers."""
    return tuple(
        NotificationPolicy(
            name=one.name, url=one.url, channel=one.channel, format=one.format, on=frozenset(one.transitions)
        )
        for one in asked
    )
