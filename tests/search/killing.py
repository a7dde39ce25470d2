"""Who notices the faults: the quickest scopes first, then fast tests of the same modules, then more scopes.

Each mutant lives in a process of its own that has not imported the operator yet: a finder hands it the
changed module. Nothing here may import `serin` before that.
"""

import contextlib
import io
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing import get_context
from types import FrameType, ModuleType
from typing import Final

# What the processes would import one by one is there when they part.
import aiohttp  # noqa: F401
import numpy  # noqa: F401
import pydantic  # noqa: F401
import pytest
import yaml  # noqa: F401

from tests.search.equivalent import EQUIVALENT
from tests.search.mutants import Mutant, mutated

PATIENCE: Final = 90.0
"""Seconds of CPU after which a scope, or the tests, are taken for what never ends; without a fault it takes
a tenth.
"""
TESTS: Final = "the fast tests"
FAST_TESTS: Final = (
    "tests/search/test_counterexamples.py",
    "tests/search/test_looks.py",
    "tests/search/test_lost.py",
    "tests/unit/rollout",
    "tests/unit/findings",
    "tests/component/test_rollout.py",
    "tests/component/test_recovery.py",
    "tests/component/test_gates.py",
    "tests/component/test_guards.py",
    "tests/component/test_corners.py",
    "tests/component/test_foreign_hands.py",
    "tests/component/test_told.py",
    "tests/component/test_conditions.py",
    "tests/component/test_shared_incidents.py",
    "tests/component/test_sequences.py",
)


class Endless(BaseException):
    """The search does not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a mutant.

    Attributes:
        by: Who noticed it: a scope's name, or `TESTS`; empty where nobody did.
        how: The first sentence of it.
    """

    mutant: Mutant
    by: str = ""
    how: str = ""

    @property
    def equivalent(self) -> str | None:
        """Why it is no fault at all, where that was settled."""
        return EQUIVALENT.get(str(self.mutant))


def fates(mutants: Sequence[Mutant], *, processes: int) -> Iterator[Fate]:
    """That of each, as they come."""
    with get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_fate, mutants, chunksize=1)


def found_without_fault() -> str:
    """Who finds something to say of the original, and so of any mutant; empty where nobody does."""
    with get_context("fork").Pool(1) as pool:
        return ": ".join(pool.apply(_noticed)).removesuffix(": ")


def _fate(mutant: Mutant) -> Fate:
    _infect(mutant)
    by, how = _noticed(STAGES[:1] if str(mutant) in EQUIVALENT else STAGES)
    return Fate(mutant=mutant, by=by, how=how)


Found = tuple[str, str]
"""Who noticed something, and the first sentence of it; empty where nobody did."""
NOBODY: Final = ("", "")


def _noticed(stages: "Sequence[Callable[[], Found]] | None" = None) -> Found:
    signal.signal(signal.SIGPROF, _end)
    try:
        return next((found for stage in stages or STAGES if (found := stage()) != NOBODY), NOBODY)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _through(scopes: str) -> Found:
    name = "import"
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        from tests.search import scopes as known
        from tests.search.searching import Search

        for scope in getattr(known, scopes):
            name = scope.name
            signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            for counterexample in Search(scope).run().counterexamples:
                return name, counterexample.faults[0]
    except Endless:
        return name, "the search does not end"
    except Exception as error:
        return name, f"{type(error).__name__}: {error}"[:200]
    return NOBODY


def _tested() -> Found:
    told = io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *FAST_TESTS])
    except Endless:
        return TESTS, "the tests do not end"
    failed = [line for line in told.getvalue().splitlines() if line.startswith(("FAILED", "ERROR"))]
    return (TESTS, (failed or ["they do not begin"])[0][:200]) if code else NOBODY


STAGES: Final = (partial(_through, "KILLING"), _tested, partial(_through, "SURVIVED"))


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
