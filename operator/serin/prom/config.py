"""The file that lists the Prometheuses which may be asked, and how to be let in to each.

Its names are those of Prometheus' own HTTP client configuration, so that a `remote_read` that works can be
copied; what Serin does not do, such as following redirects, is refused by name. Secrets are in files of their
own and never in this one. A fault is said with the file, the field and the cure, and never with the value.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from serin.prom.credentials import Access, Credentials, HeaderValues, Unreadable
from serin.prom.endpoints import INTERVAL_SECONDS, TIMEOUT_SECONDS, Endpoint, checked_url, shown

_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = (
    "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type",
    "cookie", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
)  # fmt: skip
"""Headers that are made by other fields, or by the client itself."""
_INLINE: Final = {
    "password": "password_file",
    "credentials": "credentials_file",
    "bearer_token": "bearer_token_file",
    "secrets": "files",
}
_NEEDS: Final = {
    "missing": "is needed",
    "extra_forbidden": "is not a field Serin knows; leave it out",
    "string_type": "need text",
    "list_type": "need a list",
    "tuple_type": "need a list",
    "too_short": "need at least one entry",
    "bool_type": "need true or false",
    "bool_parsing": "need true or false",
    "literal_error": "need {expected}",
    "value_error": "{error}",
}


class ConfigError(Exception):
    """The file cannot be used; the text names it, the field, and what is needed."""


def read_config(path: Path) -> tuple[Endpoint, ...]:
    """The entries of the file, whose own files exist and can be used.

    Raises:
        ConfigError: It cannot be meant, or a file it names cannot be used.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; mount it, or correct --prometheus-config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: is not YAML; need a list under prometheuses") from None
    try:
        asked = _File.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_fault(error)}") from None
    endpoints = tuple(entry.endpoint(path.parent) for entry in asked.prometheuses)
    for place, endpoint in enumerate(endpoints):
        credentials = Credentials(endpoint.access)
        try:
            credentials.headers()
            credentials.tls()
        except Unreadable as error:
            raise ConfigError(f"{path}: prometheuses[{place}].{error}") from error
    return endpoints


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Authorization(_Part):
    type: str = "Bearer"
    credentials_file: Path

    @field_validator("type")
    @classmethod
    def _one_word(cls, value: str) -> str:
        if not _TOKEN.fullmatch(value) or value.lower() == "basic":
            raise ValueError("need one word such as Bearer; for Basic give basic_auth instead")
        return value


class _BasicAuth(_Part):
    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f\x7f]+$")]
    password_file: Path


class _Tls(_Part):
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _a_pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("a certificate needs its key: give both cert_file and key_file, or neither")
        return self


class _Header(_Part):
    values: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.values or self.files):
            raise ValueError("need values, or files that hold them")
        if not all(value.isprintable() for value in self.values):
            raise ValueError("need values of one line each")
        return self


class _Entry(_Part):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    url: str
    default: bool = False
    namespaces: Annotated[frozenset[str], Field(min_length=1)] | None = None
    scrape_interval: float = INTERVAL_SECONDS
    timeout: float = TIMEOUT_SECONDS
    namespace_labels: Annotated[frozenset[str], Field(min_length=1)] | None = None
    authorization: _Authorization | None = None
    bearer_token_file: Path | None = None
    basic_auth: _BasicAuth | None = None
    tls_config: _Tls = _Tls()
    http_headers: Mapping[str, _Header] = Field(default_factory=dict)
    follow_redirects: Literal[False] = False

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return checked_url(value)

    @field_validator("scrape_interval", "timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> float:
        found = _DURATION.fullmatch(str(value)) if isinstance(value, str) and value else None
        if found is None:
            raise ValueError("need a duration such as 15s or 1m30s")
        hours, minutes, seconds, thousandths = (float(part or 0) for part in found.groups())
        total = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
        if not 1 <= total <= 3600:
            raise ValueError("need at least 1s and at most 1h")
        return total

    @field_validator("http_headers")
    @classmethod
    def _not_ours(cls, value: Mapping[str, _Header]) -> Mapping[str, _Header]:
        for name in value:
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"{name!r} cannot be set here; authorization and basic_auth make their own")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = (self.authorization, self.bearer_token_file, self.basic_auth)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("give one of authorization, bearer_token_file and basic_auth")
        if self.default and self.namespaces:
            raise ValueError("a default is for every namespace; leave namespaces or default out")
        return self

    def endpoint(self, folder: Path) -> Endpoint:
        """The entry, its files seen from the folder of the configuration."""
        bearer = self.authorization.credentials_file if self.authorization else self.bearer_token_file
        tls = self.tls_config
        access = Access(
            scheme=self.authorization.type if self.authorization else "Bearer",
            credentials_file=_in(folder, bearer),
            username=self.basic_auth.username if self.basic_auth else None,
            password_file=_in(folder, self.basic_auth.password_file if self.basic_auth else None),
            ca_file=_in(folder, tls.ca_file),
            cert_file=_in(folder, tls.cert_file),
            key_file=_in(folder, tls.key_file),
            server_name=tls.server_name,
            headers={
                name: HeaderValues(values=one.values, files=tuple(folder / file for file in one.files))
                for name, one in self.http_headers.items()
            },
        )
        return Endpoint(
            name=self.name,
            url=self.url,
            default=self.default,
            namespaces=self.namespaces or frozenset(),
            scrape_interval=self.scrape_interval,
            timeout=self.timeout,
            namespace_labels=self.namespace_labels,
            access=access,
        )


class _File(_Part):
    prometheuses: Annotated[tuple[_Entry, ...], Field(min_length=1)]

    @field_validator("prometheuses")
    @classmethod
    def _told_apart(cls, entries: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
        if twice := _twice(entry.name for entry in entries):
            raise ValueError(f"the name {twice} is given twice; give each entry its own")
        if twice := _twice(
            f"{shown(entry.url)} for {namespace or 'every namespace'}"
            for entry in entries
            for namespace in sorted(entry.namespaces or {""})
        ):
            raise ValueError(f"{twice} is given twice; leave one out, or part them by namespaces")
        if twice := _twice(namespace for entry in entries for namespace in entry.namespaces or ()):
            raise ValueError(f"the namespace {twice} is in two entries; name it in one")
        common = [entry for entry in entries if not entry.namespaces]
        if len(common) > 1 and sum(entry.default for entry in common) != 1:
            raise ValueError("mark one of the entries without namespaces as default: true")
        return entries


def _fault(error: ValidationError) -> str:
    """The first fault, without the value that was found."""
    fault = error.errors(include_url=False, include_input=False)[0]
    kind, last = fault["type"], str(fault["loc"][-1]) if fault["loc"] else ""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
    if kind == "extra_forbidden" and last in _INLINE:
        need = (
            f"secrets are not written into this file; write it into one of its own and give {_INLINE[last]}"
        )
    elif last == "follow_redirects":
        need = "redirects are not followed, they could lead credentials elsewhere; leave it out"
    elif last == "name":
        need = "need lower-case letters, digits and '-', at most 63"
    else:
        context = fault.get("ctx", {})
        need = _NEEDS.get(kind, "need an object" if "type" in kind else fault["msg"]).format(**context)
    return f"{path.removeprefix('.') or 'the whole'}: {need}"


def _twice(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _in(folder: Path, file: Path | None) -> Path | None:
    return None if file is None else folder / file
