"""Which addresses named in a spec the operator may call: those that begin with one of `--webhook-allow`."""

from urllib.parse import SplitResult, unquote, urlsplit

from serin.api.invalid import InvalidSpec, invalid


def refused(url: str, prefixes: tuple[str, ...], *, path: str) -> InvalidSpec | None:
    """What is wrong with the address at a path of a spec."""
    if is_allowed(url, prefixes):
        return None
    known = ", ".join(prefixes) or "none"
    return invalid(path, f"need one that the operator may call (--webhook-allow): {known}", found=url)


def is_allowed(url: str, prefixes: tuple[str, ...]) -> bool:
    """Whether an address begins with one of the list: same scheme, host and port, and a path below it."""
    try:
        asked = urlsplit(url)
        if "@" in asked.netloc or "\\" in url or ".." in unquote(unquote(asked.path)).split("/"):
            return False
        return any(_begins(asked, urlsplit(prefix)) for prefix in prefixes)
    except ValueError:  # a port that is none, or half an IPv6 address
        return False


def _begins(asked: SplitResult, allowed: SplitResult) -> bool:
    if (asked.scheme, asked.hostname, _port(asked)) != (allowed.scheme, allowed.hostname, _port(allowed)):
        return False
    below = allowed.path.rstrip("/")
    return asked.path == below or asked.path.startswith(f"{below}/") or not below


def _port(place: SplitResult) -> int | None:
    return place.port or {"http": 80, "https": 443}.get(place.scheme)
