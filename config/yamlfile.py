"""Reads YAML so that every later complaint can name a line.

PyYAML's own constructor forgets positions and lets the last of two equal keys win, so the node tree is walked here;
scalars are still built by `yaml.SafeLoader`. Limits on size, depth and expanded nodes stop alias bombs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigFileError, Problem

MAX_BYTES = 2_000_000
MAX_NODES = 200_000
MAX_DEPTH = 60

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as data, with the line on which each key or list item stands."""

    file: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int | None:
        """Line of `path`, or of its nearest ancestor that has one."""
        for end in range(len(path), 0, -1):
            if (found := self.lines.get(path[:end])) is not None:
                return found
        return None

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """A problem at `path` of this file."""
        return Problem(self.file, self.line(path), dotted(path), message, hint)


def dotted(path: KeyPath) -> str:
    """`('stages', 0, 'when')` as a person writes it: `stages[0].when`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: Path, *, missing_hint: str = "Check the path.") -> Document:
    """Read a mapping from a YAML file; `missing_hint` says what to do when it is not there.

    Raises ConfigFileError when it cannot be read, is not YAML, is not a mapping, repeats a key or is absurdly big.
    """
    name = str(path)
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _failure(name, "there is no such file.", missing_hint) from None
    except ValueError:  # a NUL, or half a character, in a path that stands in a file
        raise _failure(name, "is no path.", missing_hint) from None
    except OSError as error:
        raise _failure(name, f"cannot be read: {error.strerror}.", "Check its path and permissions.") from None
    if len(raw) > MAX_BYTES:
        raise _failure(name, f"is larger than {MAX_BYTES // 1_000_000} MB; this is not a configuration file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _failure(name, f"is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> Document:
    """Like `read_yaml`, from text."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:
        raise ConfigFileError([_syntax_problem(name, error)]) from None
    try:
        node = loader.get_single_node()
        walk = _Walk(name, loader)
        data = walk.build(node, ()) if node is not None else {}
    except yaml.YAMLError as error:
        raise ConfigFileError([_syntax_problem(name, error)]) from None
    except RecursionError:
        raise _failure(name, f"is nested more than {MAX_DEPTH} levels deep.") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise _failure(name, "must be a mapping of keys to values.")
    if walk.problems:
        raise ConfigFileError(walk.problems)
    return Document(name, data, walk.lines)


class _Walk:
    """One pass over a node tree: data out, lines and problems noted on the way."""

    def __init__(self, name: str, loader: yaml.SafeLoader) -> None:
        self._name = name
        self._loader = loader
        self._nodes = 0
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise _failure(self._name, "expands to too many values.", "Check its aliases (`*name`).")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except ValueError as error:  # a date such as 2026-13-45
            line = node.start_mark.line + 1
            raise ConfigFileError(
                [Problem(self._name, line, dotted(path), f"is not a valid value: {error}.")]
            ) from None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self._name, line, dotted(path), "a key must be plain text."))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                first = self.lines[here]
                message = f"this key is already given on line {first}."
                self.problems.append(Problem(self._name, line, dotted(here), message, "Keep one of the two."))
                continue
            self.lines[here] = line
            result[key] = self.build(value_node, here)
        return result


def _syntax_problem(name: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    line = mark.line + 1 if mark else None
    return Problem(name, line, "", f"is not valid YAML: {what}.", "Check quotes and indentation.")


def _failure(name: str, message: str, hint: str = "") -> ConfigFileError:
    return ConfigFileError([Problem(name, None, "", message, hint)])
