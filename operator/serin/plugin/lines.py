"""Where in a YAML file a field stands: documents with the place of each of their nodes.

The composed tree is walked beside the path that a fault names. A field that is missing stands where its
parent does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_LOADER: Final = yaml.SafeLoader


class NotYaml(Exception):
    """A file that is none; `at` tells where, where that is known."""

    def __init__(self, message: str, at: "Place | None") -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: what it says, and where."""

    body: Any
    node: Node
    twice: tuple[tuple[str, Place], ...]
    """Keys that a mapping has more than once, of which a parser takes the last and says nothing."""

    def place_of(self, path: str) -> Place:
        """Where the field of a path stands, such as `spec.rollout.canary.steps[1].weight`."""
        return _found(self.node, path)


def documents(text: str) -> Iterator[Document]:
    """The documents of a file; empty ones are left out.

    Raises:
        NotYaml: It cannot be read as YAML.
    """
    loader = _LOADER(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None and node.tag != "tag:yaml.org,2002:null":
                # Before it is constructed: that flattens merged keys into the mapping.
                twice = tuple(_twice(node))
                yield Document(loader.construct_document(node), node, twice)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = Place(mark.line + 1, mark.column + 1) if mark else None
        raise NotYaml(error.problem or "cannot be read", at) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(" ".join(str(error).split()), None) from error
    finally:
        loader.dispose()


def _twice(node: Node) -> Iterator[tuple[str, Place]]:
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    yield key.value, _place(key)
                seen.add(key.value)
            yield from _twice(value)
    elif isinstance(node, SequenceNode):
        for entry in node.value:
            yield from _twice(entry)


def _found(node: Node, path: str) -> Place:
    """The place of the longest part of the path that there is."""
    at = _place(node)
    while path:
        step = _stepped(node, path)
        if step is None:
            return at
        at, node, path = step
    return at


def _stepped(node: Node, path: str) -> tuple[Place, Node, str] | None:
    """One step down: where that is, the node there, and the rest of the path."""
    if isinstance(node, SequenceNode) and path.startswith("["):
        index, _, rest = path[1:].partition("]")
        if index.isdigit() and int(index) < len(node.value):
            entry = node.value[int(index)]
            return _place(entry), entry, rest.removeprefix(".")
        return None
    if not isinstance(node, MappingNode):
        return None
    # A key may have dots itself, as labels do: the longest that fits is meant.
    fitting = [
        (key, value) for key, value in node.value if isinstance(key, ScalarNode) and _fits(key.value, path)
    ]
    if not fitting:
        return None
    key, value = max(fitting, key=lambda pair: len(pair[0].value))
    return _place(key), value, path[len(key.value) :].removeprefix(".")


def _fits(key: str, path: str) -> bool:
    return path == key or path.startswith((f"{key}.", f"{key}["))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
