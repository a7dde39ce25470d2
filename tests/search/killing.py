"""Who notices the faults: the search first, then the fast tests of the same modules.

Each mutant lives in a process of its own that has not imported the operator yet: a finder hands it the
changed module. Nothing here may import `serin` before that.
"""

import contextlib
import io
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing import get_context
from types import FrameType, ModuleType
from typing import Final

from tests.search.equivalent import EQUIVALENT
from tests.search.mutants import Mutant, mutated

PROCESSES: Final = 2
PATIENCE: Final = 90.0
"""Seconds of CPU after which a search is taken for one that never ends; without a fault it takes a tenth."""
FAST_TESTS: Final = (
    "tests/unit/rollout",
    "tests/unit/findings",
    "tests/component/test_sequences.py",
    "tests/component/test_rollout.py",
    "tests/component/test_corners.py",
    "tests/component/test_recovery.py",
    "tests/component/test_gates.py",
    "tests/component/test_guards.py",
)


class Endless(BaseException):
    """The search does not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a mutant.

    Attributes:
        by: Who noticed it: a scope's name, or `tests`; empty where nobody did.
        how: The first sentence of it.
    """

    mutant: Mutant
    by: str = ""
    how: str = ""

    @property
    def equivalent(self) -> str | None:
        """Why it is no fault at all, where that was settled."""
        return EQUIVALENT.get(str(self.mutant))


def fates(mutants: Sequence[Mutant]) -> Iterator[Fate]:
    """That of each, as they come, on two cores."""
    with get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_searched, mutants, chunksize=1)


def tested(mutants: Sequence[Mutant]) -> Iterator[Fate]:
    """What the fast tests say of those that the search let live."""
    with get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_tested, mutants, chunksize=1)


def _searched(mutant: Mutant) -> Fate:
    _infect(mutant)
    signal.signal(signal.SIGPROF, _end)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    name = "import"
    try:
        from tests.search.scopes import KILLING
        from tests.search.searching import Search

        for scope in KILLING:
            name = scope.name
            for counterexample in Search(scope).run().counterexamples:
                return Fate(mutant=mutant, by=name, how=counterexample.faults[0])
    except Endless:
        return Fate(mutant=mutant, by=name, how="the search does not end")
    except Exception as error:
        return Fate(mutant=mutant, by=name, how=f"{type(error).__name__}: {error}"[:200])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Fate(mutant=mutant)


def _tested(mutant: Mutant) -> Fate:
    _infect(mutant)
    import pytest

    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *FAST_TESTS])
    failed = [line for line in told.getvalue().splitlines() if line.startswith(("FAILED", "ERROR"))]
    return Fate(mutant=mutant, by="tests" if code else "", how=(failed or [""])[0][:200])


def _infect(mutant: Mutant) -> None:
    imported = [name for name in sys.modules if name.startswith("serin.domain.")]
    known = {"serin.domain.rollout", "serin.domain.routers"}
    if set(imported) - known:
        raise ValueError(f"already imported: {sorted(set(imported) - known)}")
    sys.meta_path.insert(0, _Finder(mutant))


def _end(number: int, frame: FrameType | None) -> None:
    raise Endless


@dataclass(frozen=True, slots=True)
class _Finder(MetaPathFinder, Loader):
    """Finds one module, and gives it the fault."""

    mutant: Mutant

    def find_spec(
        self, fullname: str, path: Iterable[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self.mutant.module else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(mutated(self.mutant), self.mutant.module, "exec"), module.__dict__)  # noqa: S102
