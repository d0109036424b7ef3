"""Lays environment over secret files over the configuration file, and remembers where each value came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from config.errors import Problem
from config.yamlfile import KeyPath, dotted

FILE_SUFFIX = "_file"
RESERVED = frozenset(
    {
        "KEEPWELL_CONFIG",
        "KEEPWELL_SECRETS_DIR",
        "KEEPWELL_LOG_LEVEL",
        "KEEPWELL_LOG_FORMAT",
        "KEEPWELL_DEBUG",
        "KEEPWELL_REQUIRE_SERVICES",  # read by the test-suite
    }
)
"""Variables that steer the program itself and are no settings."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: `where` is a file, a variable or a secret file; `line` only for the former."""

    kind: Literal["file", "environment", "secret file", "default"]
    where: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.kind == "default":
            return "default"
        place = f"{self.where}:{self.line}" if self.line else self.where
        return place if self.kind == "file" else f"{self.kind} {place}"


DEFAULT = Origin("default")


@dataclass(slots=True)
class Tree:
    """Merged values, with the origin of each leaf."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)

    def leaves(self) -> Iterator[tuple[KeyPath, Any]]:
        """Every value that is no mapping; an empty mapping is a leaf too."""
        yield from _leaves(self.data, ())

    def origin(self, path: KeyPath) -> Origin:
        """Origin of a value, of the mapping around it, or of something inside it."""
        for end in range(len(path), 0, -1):
            if (found := self.origins.get(path[:end])) is not None:
                return found
        inside = (origin for key, origin in self.origins.items() if key[: len(path)] == path)
        return next(inside, DEFAULT)

    def put(self, path: KeyPath, value: Any, origin: Origin) -> None:
        """Set one value; what it replaces, and its `…_file` twin, is gone."""
        node = self.data
        for part in path[:-1]:
            below = node.get(str(part))
            if not isinstance(below, dict):
                below = node[str(part)] = {}
            node = below
        last = str(path[-1])
        for key in (last, twin(last)):
            node.pop(key, None)
            self._forget((*path[:-1], key))
        node[last] = value
        self.origins[path] = origin

    def drop(self, path: KeyPath) -> None:
        """Remove one value."""
        node = self.data
        for part in path[:-1]:
            node = node[str(part)]
        node.pop(str(path[-1]), None)
        self._forget(path)

    def _forget(self, path: KeyPath) -> None:
        for key in [key for key in self.origins if key[: len(path)] == path]:
            del self.origins[key]


def twin(key: str) -> str:
    """`access_token` ↔ `access_token_file`: two ways to give one secret."""
    return key.removesuffix(FILE_SUFFIX) if key.endswith(FILE_SUFFIX) else key + FILE_SUFFIX


def lay(tree: Tree, values: Iterable[tuple[KeyPath, Any, Origin]]) -> None:
    """Put a layer over the tree."""
    for path, value, origin in values:
        tree.put(path, value, origin)


def flatten(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Paths and values of everything in a mapping that is no non-empty mapping itself."""
    yield from _leaves(data, ())


def from_names(
    values: Mapping[str, str], *, prefix: str, kind: Literal["environment", "secret file"], folder: str = ""
) -> Iterator[tuple[KeyPath, Any, Origin]]:
    """Settings given as `KEEPWELL_A__B__C`, whatever the case of the names.

    Values stay text, except those that start with `{` or `[`: these are JSON, for lists and whole mappings.
    """
    for name in sorted(values):
        if not name.upper().startswith(prefix) or name.upper() in RESERVED:
            continue
        path = tuple(name[len(prefix) :].lower().split("__"))
        origin = Origin(kind, f"{folder}/{name}" if folder else name)
        value = _decode(values[name])
        below = list(_leaves(value, path)) if isinstance(value, dict) else [(path, value)]
        yield from ((where, leaf, origin) for where, leaf in below)


def twins_given(data: Mapping[str, Any], file: str, lines: Mapping[KeyPath, int]) -> list[Problem]:
    """A problem for each place of one file that gives both a secret and a file with the secret."""
    paths = {path for path, _ in flatten(data)}
    return [
        Problem(
            file, lines.get(path), dotted(path), f"`{twin(str(path[-1]))}` is given as well.", "Keep one of the two."
        )
        for path in sorted(paths, key=str)
        if str(path[-1]).endswith(FILE_SUFFIX) and (*path[:-1], twin(str(path[-1]))) in paths
    ]


def _decode(text: str) -> Any:
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _leaves(node: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    elif path:
        yield path, node
