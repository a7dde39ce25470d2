"""The operator's channels: a folder with a file for each, which holds an address that is a secret.

A mounted Secret is such a folder. A file `slack` is for every namespace, `team-a.slack` for the models of
`team-a`, and counts there in its place. Files are read when they are needed, so a rotated Secret is the
newest. No address comes into a repr or a message.
"""

from pathlib import Path
from urllib.parse import urlsplit

MOST_CHARACTERS = 2048


class Channels:
    """What there is; nothing without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def has(self, namespace: str, name: str) -> bool:
        """Whether a model of the namespace may name it."""
        return self._file(namespace, name) is not None

    def address(self, namespace: str, name: str) -> str | None:
        """Where it leads; None where there is none, or what is there is no address."""
        file = self._file(namespace, name)
        try:
            text = file.read_text(encoding="utf-8")[:MOST_CHARACTERS].strip() if file else ""
            parts = urlsplit(text)
        except (OSError, ValueError):
            return None
        usable = parts.scheme in ("http", "https") and parts.hostname and text.isprintable()
        return text if usable else None

    def _file(self, namespace: str, name: str) -> Path | None:
        """Neither namespaces nor channels have dots in their names."""
        if self._folder is None:
            return None
        own, common = self._folder / f"{namespace}.{name}", self._folder / name
        return next((file for file in (own, common) if file.is_file()), None)
