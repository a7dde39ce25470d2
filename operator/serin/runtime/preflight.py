"""What keeps the operator from its work, found out before it begins, and said with the cure.

Nothing here ends the process: a restart would not install a CRD or grant a right. It is said once in the log
and all the time on the readiness page, looked for again, and the start goes on when it is mended.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from serin.kube.client import KubeClient
from serin.kube.errors import KubeError, Unavailable
from serin.kube.kinds import CHILDREN, MODEL_DEPLOYMENT, Kind
from serin.kube.rights import Right, cure, missing, needed
from serin.kube.transport import Transport

LOOK_SECONDS: Final = 5.0
RIGHTS_SECONDS: Final = 30.0
"""How often missing rights are looked for without which the rest of the work is done all the same."""

logger = logging.getLogger(__name__)


class Preflight:
    """Checks the way to the API server, the CRD and the rights.

    Args:
        transport: One that may ask without a licence to write.
        own: Rights beside those in the models' namespaces: to the Lease.
    """

    def __init__(
        self, transport: Transport, *, server: str, namespaces: Sequence[str], own: Iterable[Right]
    ) -> None:
        self._transport = transport
        self._kube = KubeClient(transport)
        self._server, self._namespaces, self._own = server, namespaces, list(own)
        self._missing: list[Right] = []
        self._trouble: str | None = "the API server has not been asked yet"

    def trouble(self) -> str | None:
        """What is in the way, in words; None if nothing is."""
        return self._trouble

    async def passed(self) -> tuple[Kind, ...]:
        """Wait until the operator can begin; the kinds of children that can be watched."""
        while True:
            try:
                kinds = await self._kinds()
            except KubeError as error:
                self._say(_words(error, self._server))
                kinds = None
            if kinds is not None:
                return kinds
            await asyncio.sleep(LOOK_SECONDS)

    async def completed(self) -> None:
        """Look for ever whether the rights that were missing at the start are there now."""
        while True:
            await asyncio.sleep(RIGHTS_SECONDS)
            if not self._missing:
                continue
            try:
                self._missing = await missing(self._transport, self._missing)
            except KubeError as error:
                logger.warning("rights not asked for", extra={"error": str(error)})
            else:
                self._say(cure(self._missing) or None)

    async def _kinds(self) -> tuple[Kind, ...] | None:
        if not await self._kube.serves(MODEL_DEPLOYMENT.name):
            self._say(
                f"the cluster does not know {MODEL_DEPLOYMENT.plural}.{MODEL_DEPLOYMENT.group}; "
                "install it: serin crd | kubectl apply --server-side -f -"
            )
            return None
        kinds = [kind for kind in CHILDREN if not kind.optional or await self._kube.serves(kind.name)]
        rights = [*needed(kinds, self._namespaces), *self._own]
        self._missing = await missing(self._transport, rights)
        self._say(cure(self._missing) or None)
        unseen = {right.kind for right in self._missing if right.reads}
        if any(not kind.optional for kind in unseen):
            return None
        return tuple(kind for kind in kinds if kind not in unseen)

    def _say(self, trouble: str | None) -> None:
        if trouble and trouble != self._trouble:
            logger.error("not ready", extra={"reason": trouble})
        self._trouble = trouble


def _words(error: KubeError, server: str) -> str:
    if error.status == 401:
        return (
            f"the API server {server} does not accept the operator's credentials (401): the token has "
            "expired or is another cluster's; give it a new one, by a new kubeconfig or a restart of the pod"
        )
    if isinstance(error, Unavailable) and error.status is None:
        return f"the API server {server} cannot be reached: {error.detail}; see to address and network"
    return f"the API server {server} does not answer as one: {error}"
