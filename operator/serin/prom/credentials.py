"""What a request to Prometheus carries to be let in, read from files anew when they were changed.

Tokens and certificates are rotated under a running operator, by a Secret that is mounted for example, so a
file is looked at before each request and read when it is another one. No value comes into a repr or a
message: those name the field and the file.
"""

import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from multidict import CIMultiDict

from serin.prom.errors import Unreachable

T = TypeVar("T")

_State = tuple[int, int, int]
_MOST_CHARACTERS: Final = 65_536
"""Of one secret; servers take far less as a header."""


class Unreadable(Unreachable):
    """A file with credentials cannot be used; the text names field, file and cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderValues:
    """The values of one further header: as they are, and from files."""

    values: tuple[str, ...] = field(default=(), repr=False)
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to be let in, without the secrets themselves.

    Attributes:
        scheme: The word before the credentials in the Authorization header.
        credentials_file: Holds what comes after it.
        username: Of basic authentication, with its password_file.
        ca_file: Who signs the server's certificate; None for the system's own list.
        cert_file: Our certificate, with its key_file; None for none.
        server_name: The name in the server's certificate, where it is not the address'.
        headers: Further headers by name, such as the tenant's.
    """

    scheme: str = "Bearer"
    credentials_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    headers: Mapping[str, HeaderValues] = field(default_factory=dict)


class Credentials:
    """What `Access` says, as of now."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._texts: dict[Path, _Reread[str]] = {}
        self._tls: _Reread[ssl.SSLContext] | None = None

    def __repr__(self) -> str:
        """Without what was read."""
        return f"Credentials({self._access!r})"

    @property
    def server_name(self) -> str | None:
        """See `Access`."""
        return self._access.server_name

    def headers(self) -> CIMultiDict[str]:
        """The headers of the next request.

        Raises:
            Unreadable: A file is missing, empty, or holds what no header may.
        """
        access = self._access
        found: CIMultiDict[str] = CIMultiDict()
        if access.credentials_file is not None:
            secret = self._text("authorization.credentials_file", access.credentials_file)
            found["Authorization"] = f"{access.scheme} {secret}"
        if access.username is not None and access.password_file is not None:
            password = self._text("basic_auth.password_file", access.password_file)
            pair = f"{access.username}:{password}".encode()
            found["Authorization"] = f"Basic {b64encode(pair).decode()}"
        for name, given in access.headers.items():
            for value in given.values:
                found.add(name, value)
            for file in given.files:
                found.add(name, self._text(f"http_headers.{name}.files", file))
        return found

    def tls(self) -> ssl.SSLContext | bool:
        """How the next connection is secured; True for the usual way.

        Raises:
            Unreadable: A file is missing, or is no certificate or key.
        """
        access = self._access
        files = tuple(file for file in (access.ca_file, access.cert_file, access.key_file) if file)
        if not files:
            return True
        if self._tls is None:
            self._tls = _Reread("tls_config", files, self._context)
        return self._tls.value()

    def _text(self, where: str, file: Path) -> str:
        if file not in self._texts:
            self._texts[file] = _Reread(where, (file,), lambda: _header_value(where, file))
        return self._texts[file].value()

    def _context(self) -> ssl.SSLContext:
        access = self._access
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file is not None:
            # A key that wants a password would ask for it at the terminal, and stand still.
            context.load_cert_chain(access.cert_file, access.key_file, password=lambda: "")
        return context


class _Reread(Generic[T]):
    """A value made from files, and made again when one of them is another file or has changed."""

    def __init__(self, where: str, files: tuple[Path, ...], make: Callable[[], T]) -> None:
        self._where, self._files, self._make = where, files, make
        self._made: tuple[tuple[_State, ...], T] | None = None

    def value(self) -> T:
        try:
            states = tuple(_state(file) for file in self._files)
            if self._made is None or self._made[0] != states:
                self._made = (states, self._make())
        except OSError as error:
            # Of TLS files the library does not say which one it is.
            named = error.filename or ", ".join(map(str, self._files))
            reason = error.strerror or getattr(error, "reason", None) or type(error).__name__
            cure = "mount it, or give the operator's user the right to read it"
            if isinstance(error, ssl.SSLError):
                cure = "give PEM files, the key without a password and of the same pair as the certificate"
            raise Unreadable(f"{self._where}: {named}: {reason}; {cure}") from error
        return self._made[1]


def _state(file: Path) -> _State:
    seen = file.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _header_value(where: str, file: Path) -> str:
    text = file.read_bytes().decode("utf-8", errors="replace").strip()
    if not text:
        raise Unreadable(f"{where}: {file} is empty; write the secret into it")
    if len(text) > _MOST_CHARACTERS or not text.isprintable():
        raise Unreadable(f"{where}: {file} holds more than one line of text; write the secret alone into it")
    return text
