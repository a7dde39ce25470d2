"""What the audit log is read as, also while the server writes to it."""

import json
from pathlib import Path
from typing import cast

from tests.cluster.api import Api
from tests.cluster.audit import ROUND_TRIPS, AuditLog

NOW = "2030-01-01T00:00:00.000000Z"
LINE = {
    "stage": "ResponseComplete",
    "verb": "get",
    "user": {},
    "requestReceivedTimestamp": NOW,
    "stageTimestamp": NOW,
}


class HalfWritten:
    """A log whose server has always begun a further line when it answers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_text("")

    async def request(self, method: str, path: str) -> None:
        """Answered: all lines before are whole, the next one is half in the file."""
        assert method == "GET"
        known = self._path.read_bytes().rpartition(b"\n")[0]
        whole = [line for line in known.splitlines() if line]
        further = json.dumps({**LINE, "requestURI": "/further"}).encode()
        asked = json.dumps({**LINE, "requestURI": path}).encode()
        self._path.write_bytes(b"\n".join([*whole, further, asked, further[:20]]))


async def test_a_line_that_is_half_written_is_counted_with_what_comes(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    audit = AuditLog(log, cast(Api, HalfWritten(log)))

    async with audit.counting() as counted:
        pass

    assert [request.path for request in counted.requests.all] == ["/further"] * ROUND_TRIPS
