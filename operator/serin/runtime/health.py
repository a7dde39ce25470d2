"""Whether the process is alive and ready, gathered from all who know.

Alive is what a restart would mend; ready is who has seen all that exists and leads, or could. An outage of
the API server or of Prometheus is neither: it is told, and waited for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Check = Callable[[], str | None]
"""What is wrong, in words; None while all is well."""


@dataclass(slots=True)
class Health:
    """Each list holds those who are asked, the gravest first.

    Attributes:
        faults: What only a restart mends.
        obstacles: What keeps the replica from being of use.
        notes: What people should know, though the replica does its work.
        role: What the replica does when it is ready.
    """

    faults: list[Check] = field(default_factory=list)
    obstacles: list[Check] = field(default_factory=list)
    notes: list[Check] = field(default_factory=list)
    role: Callable[[], str] = str

    def alive(self) -> tuple[bool, str]:
        """For `/healthz`."""
        wrong = _found(self.faults)
        return not wrong, "; ".join(wrong) or "ok"

    def ready(self) -> tuple[bool, str]:
        """For `/readyz`."""
        wrong = _found(self.obstacles)
        if wrong:
            return False, "; ".join([*wrong, *_found(self.notes)])
        return True, "; ".join([f"ok, {self.role()}", *_found(self.notes)])


def _found(checks: Sequence[Check]) -> list[str]:
    return [wrong for check in checks if (wrong := check())]
