"""What Elastic asks of a line of a log, and what we ask of it beyond that."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

FIRST: Final = ("@timestamp", "log.level", "message")
"""In this order, so that a person can read them: Elastic's specification of its logging libraries."""
NEEDED: Final = {*FIRST, "ecs.version", "service.name", "event.dataset", "event.action", "log.logger"}
KNOWN: Final = re.compile(
    r"@timestamp|message|ecs\.version|log\.(level|logger)|process\.pid|service\.(name|version|node\.name)"
    r"|event\.(module|dataset|kind|action|reason)|error\.(type|message|stack_trace)"
    r"|orchestrator\.(type|namespace|resource\.(type|name))|labels\.[a-z][a-z0-9_]*"
)
"""Fields of the schema, and our own as labels: anything else could meet a field of another type."""


def read(text: str) -> dict[str, Any]:
    """A line. Raises ValueError where it is no JSON object."""
    line: dict[str, Any] = json.loads(text)
    return line


def faults(line: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line."""
    if tuple(line)[:3] != FIRST:
        yield f"begins with {tuple(line)[:3]}"
    if missing := NEEDED - set(line):
        yield f"lacks {sorted(missing)}"
    if not re.fullmatch(r"[-\d]{10}T[\d:]{8}\.\d{3}Z", line["@timestamp"]):
        yield f"is from {line['@timestamp']}"
    for name, value in line.items():
        if not KNOWN.fullmatch(name):
            yield f"has {name}, which is not in the schema"
        if name.startswith("labels.") and not isinstance(value, str):
            yield f"has a label that is no text: {name}"
