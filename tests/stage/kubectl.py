"""The real kubectl, as the cluster's admin types it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from tests.cluster import binaries

Kubectl: TypeAlias = Callable[..., Awaitable[str]]
"""What it printed, by its arguments; Refused where it ended with an error."""


class Refused(Exception):
    """kubectl ended with an error; the text is what it said."""


def kubectl(
    *, namespace: str | None = None, kubeconfig: Path | None = None, context: str | None = None
) -> Kubectl:
    """Kubectl for a kubeconfig or one of the user's contexts."""
    named = {"namespace": namespace, "context": context}
    place = [f"--{option}={value}" for option, value in named.items() if value]
    # Its cache belongs to the cluster; where HOME is not set it would be left in the folder the tests run in.
    own = {"KUBECONFIG": kubeconfig, "KUBECACHEDIR": kubeconfig.parent / "kubectl"} if kubeconfig else {}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}

    async def run(*arguments: str | Path) -> str:
        process = await asyncio.create_subprocess_exec(
            binaries.kubectl(),
            *map(str, (*place, *arguments)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise Refused(said.decode())
        return said.decode()

    return run
