"""Small faults put into the state machine and the plan: one change of one place of the source each.

A site is a node of the syntax tree that an operator knows how to break. Sites are numbered in the order of
the source, so that a number means the same fault in every process; nothing is written to a file.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Final

MODULES: Final = (
    "serin.domain.rollout.course",
    "serin.domain.rollout.gates",
    "serin.domain.rollout.gating",
    "serin.domain.rollout.interruptions",
    "serin.domain.rollout.machine",
    "serin.domain.rollout.pinning",
    "serin.domain.rollout.questions",
    "serin.domain.rollout.rebuild",
    "serin.domain.rollout.shape",
    "serin.domain.rollout.states",
    "serin.domain.capacity",
    "serin.domain.plan",
    "serin.domain.routers.gateway_api",
    "serin.domain.routers.replicas",
    "serin.domain.urgency",
)
SWAPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
TOLD: Final = frozenset({"told", "Notice", "Hold", "Reason", "version_of", "awaiting_router"})
"""Calls that make words for people: what they say is no part of the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault.

    Attributes:
        number: Which of the module's sites.
        what: The change, as a person reads it; with the function, the key under which it is remembered.
        line: Of the site.
    """

    module: str
    number: int
    function: str
    what: str
    line: int

    def __str__(self) -> str:
        return f"{self.module.removeprefix('serin.domain.')}.{self.function}: {self.what}"

    @property
    def place(self) -> str:
        """File and line."""
        return f"operator/{self.module.replace('.', '/')}.py:{self.line}"


@dataclass(frozen=True, slots=True)
class Change:
    """How a node is changed in its place: `apply` is given the node's copy in the tree."""

    what: str
    apply: Callable[[ast.AST], ast.AST | None]


def mutants() -> list[Mutant]:
    """All of them, in the order of the source."""
    return [mutant for module in MODULES for mutant in _mutants(module)]


def _mutants(module: str) -> Iterator[Mutant]:
    seen: Counter[tuple[str, str]] = Counter()
    for number, (node, function, change) in enumerate(_sites(_tree(module))):
        seen[function, change.what] += 1
        again = seen[function, change.what]
        what = change.what if again == 1 else f"{change.what} ({again})"
        line = getattr(node, "lineno", 0)
        yield Mutant(module=module, number=number, function=function, what=what, line=line)


def sample(count: int, *, seed: int = 5, skip: int = 0) -> list[Mutant]:
    """So many of them after those that are skipped, in an order by chance that is the seed's."""
    every = mutants()
    return Random(seed).sample(every, len(every))[skip : skip + count]


def mutated(mutant: Mutant) -> ast.Module:
    """The module's tree with the fault in it."""
    tree = copy.deepcopy(_tree(mutant.module))
    target, _, change = list(_sites(tree))[mutant.number]
    _Replace(target, change).visit(tree)
    return ast.fix_missing_locations(tree)


def difference(mutant: Mutant) -> list[str]:
    """The lines that the fault changes, as they were and as they are."""
    before, after = (ast.unparse(tree).splitlines() for tree in (_tree(mutant.module), mutated(mutant)))
    lines = list(unified_diff(before, after, n=0, lineterm=""))
    return [line for line in lines[2:] if not line.startswith("@@")]


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, change: Change) -> None:
        self._target, self._change = target, change

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is self._target:
            return self._change.apply(node)
        return super().visit(node)  # type: ignore[no-any-return]


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text())


def _sites(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Change]]:
    for node in tree.body:
        functions = [node] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.ClassDef):
            functions = [one for one in node.body if isinstance(one, ast.FunctionDef)]
        for function in functions:
            optional = function.returns is not None and "None" in ast.unparse(function.returns)
            for child in _walk(function):
                for change in _changes(child, optional=optional):
                    yield child, function.name, change
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for child in ast.walk(node.value):
                for change in _dropped_element(child):
                    name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
                    yield child, name, change


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that decide something: no annotations, and nothing that is only told."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_told(child):
                yield child
                yield from _walk(child)


def _is_told(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in TOLD


def _changes(node: ast.AST, *, optional: bool) -> Iterator[Change]:
    match node:
        case ast.If() | ast.IfExp():
            yield Change(f"not ({ast.unparse(node.test)})", _negated)
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            yield Change(f"{ast.unparse(node)} with {SWAPPED[type(op)].__name__}", _swapped)
        case ast.BoolOp(values=[first, *_]):
            yield Change(f"{ast.unparse(node)} with and/or swapped", _other_operator)
            yield Change(f"{ast.unparse(node)} without {ast.unparse(first)}", _without_first)
        case ast.Return(value=value) if optional and value is not None and not _nothing(value):
            yield Change(f"return None for {ast.unparse(value)}", _returns_nothing)
        case ast.Expr() | ast.AugAssign():
            if not isinstance(getattr(node, "value", None), ast.Constant | ast.Yield | ast.YieldFrom):
                yield Change(f"without {ast.unparse(node)}", _passed)
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int()):
            yield Change(f"{ast.unparse(node)} + 1", _one_more)
        case ast.Call(func=ast.Name(id="max" | "min")):
            yield Change(f"{ast.unparse(node)} with min/max swapped", _other_end)
        case ast.BinOp(op=ast.Add() | ast.Sub()) if not _is_text(node):
            yield Change(f"{ast.unparse(node)} with +/- swapped", _other_sign)
    yield from _dropped_element(node)


def _nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.List | ast.Tuple | ast.JoinedStr) for side in (node.left, node.right))


def _dropped_element(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        for index, element in enumerate(node.elts if len(node.elts) > 1 else ()):
            yield Change(f"without element {ast.unparse(element)}", _Without(index))
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        for index, key in enumerate(node.keys):
            name = ast.unparse(key) if key is not None else ast.unparse(node.values[index])
            yield Change(f"without entry {name}", _Without(index))


@dataclass(frozen=True, slots=True)
class _Without:
    index: int

    def __call__(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Dict):
            del node.keys[self.index], node.values[self.index]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            del node.elts[self.index]
        return node


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.IfExp)
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _swapped(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops = [SWAPPED[type(node.ops[0])]()]
    return node


def _other_operator(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def _without_first(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    return node.values[1] if len(node.values) == 2 else ast.BoolOp(node.op, node.values[1:])


def _returns_nothing(node: ast.AST) -> ast.AST:
    return ast.Return(ast.Constant(None))


def _passed(node: ast.AST) -> ast.AST:
    return ast.Pass()


def _one_more(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Constant)
    return ast.Constant(int(str(node.value)) + 1)


def _other_end(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    node.func = ast.Name("min" if node.func.id == "max" else "max", ast.Load())
    return node


def _other_sign(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BinOp)
    node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    return node
