"""What statuses say, each read once as long as it is the same: most looks change nothing of it.

Those of the rollouts looked at last are held as they were read; thousands may be under way.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from serin.domain.names import Key
from serin.domain.status import Status

AT_HAND: Final = 512
"""Statuses that are held. To read one anew takes a fraction of what a look does."""

logger = logging.getLogger(__name__)


class Statuses:
    """Those of all keys."""

    def __init__(self, *, at_hand: int = AT_HAND) -> None:
        self._most = at_hand
        self._read: OrderedDict[Key, tuple[object, Status]] = OrderedDict()

    def of(self, key: Key, model: Mapping[str, Any]) -> Status:
        """What a ModelDeployment's status says."""
        written = model.get("status")
        known = self._read.pop(key, None)
        status = known[1] if known is not None and known[0] is written else status_of_model(model)
        # An idle one is hardly looked at.
        if status.rollout is not None:
            self._read[key] = (written, status)
            if len(self._read) > self._most:
                self._read.popitem(last=False)
        return status

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._read.pop(key, None)


def status_of_model(model: Mapping[str, Any]) -> Status:
    """The status, or an empty one where it cannot be read: then it is rebuilt from the children."""
    try:
        return Status.model_validate(model.get("status") or {})
    except ValidationError:
        metadata = model["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        logger.warning("status unreadable", extra={"key": str(key)})
        return Status()
