"""Images, as far as a pod that is a process needs them: a name, and what running it means.

The node looks names up in a table that the caller gives and may change while the cluster runs: a name that is
missing cannot be pulled, until it is there.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container of this image runs where its pod says nothing else.

    The machine's own file system is the image's: programs are found along PATH, with the image's
    `environment` over the node's few variables.
    """

    entrypoint: tuple[str, ...] = ()
    """The program and its fixed arguments; a container's `command` takes its place."""
    arguments: tuple[str, ...] = ()
    """A container's `args` take their place, and its `command` drops them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None
    """The working directory; by default a fresh one, empty after each restart."""
    files: tuple[str, ...] = ()
    """Folders that the program is made of; a volume over one that holds them must not hide them."""

    def command(self, command: list[str], arguments: list[str]) -> list[str]:
        """The command line for a container that overrides some of it."""
        if command:
            return [*command, *arguments]
        return [*self.entrypoint, *(arguments or self.arguments)]


Images: TypeAlias = MutableMapping[str, Image]
