"""Framework files: the shipped ones by name, a company's own by path, and what one of them takes from another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import ConfigFileError, Problem
from config.load import is_path
from config.yamlfile import Document, KeyPath, read_yaml
from mapping.spelling import nearest

if TYPE_CHECKING:
    from mapping.examples import Case
    from mapping.framework import Framework

FRAMEWORKS_DIR = Path(__file__).parent / "frameworks"
TESTS = ".tests.yaml"
"""How the name of a file of tests ends: `ours.tests.yaml` stands beside `ours.yaml`."""
ITS_OWN = frozenset({"framework", "title", "description", "extends"})
"""Keys that a framework never takes from another one."""
_NAMED = ("facts", "parameters")
_WORD = re.compile(r"\w+")
_CHECK = "Check the path of the framework; a path in a configuration counts from that file's folder."


def shipped_frameworks() -> tuple[str, ...]:
    """Names of the frameworks that come with Keepwell."""
    return tuple(sorted(path.stem for path in FRAMEWORKS_DIR.glob("*.yaml") if not path.name.endswith(TESTS)))


def framework_path(name_or_path: str) -> Path:
    """The file of a framework; raises ConfigFileError for a name that is not shipped."""
    if is_path(name_or_path):
        return Path(name_or_path)
    if name_or_path not in shipped_frameworks():
        raise ConfigFileError([Problem("framework", None, "", _not_shipped(name_or_path), _instead_of(name_or_path))])
    return FRAMEWORKS_DIR / f"{name_or_path}.yaml"


def load_framework_file(name_or_path: str) -> Framework:
    """Read and check a framework; raises ConfigFileError naming file, line and key of everything that is wrong."""
    return _loaded(read_layers(name_or_path))


@dataclass(frozen=True, slots=True)
class LintedFile:
    """What a framework file says that cannot be meant: (check, where and what to do) in file order.

    `undecided` are the keys of conditions about which the checks can say nothing.
    """

    framework: Framework
    findings: tuple[tuple[str, Problem], ...]
    undecided: tuple[Problem, ...]


def lint_framework_file(name_or_path: str) -> LintedFile:
    """Look for what loads but cannot be meant; raises ConfigFileError for a framework that does not load."""
    from mapping.lint import UNUSED, lint

    layers = read_layers(name_or_path)
    framework = _loaded(layers)
    linted = lint(framework)
    found = [
        (one.check, layers.problem(one.path, f"{one.why[:1].upper()}{one.why[1:]}", one.advice))
        for one in linted.findings
        if one.check not in UNUSED or layers.is_own(one.path)  # what an extended framework has may stay unused here
    ]
    message = "It cannot be told whether this condition can hold, or decides anything."
    undecided = [layers.problem(path, message) for path in linted.undecided]
    return LintedFile(
        framework,
        tuple(sorted(found, key=lambda one: (*_in_file_order(one[1]), one[0]))),
        tuple(sorted(undecided, key=_in_file_order)),
    )


def _in_file_order(problem: Problem) -> tuple[str, int, str]:
    return problem.file, problem.line or 0, problem.key


def _loaded(layers: Layers) -> Framework:
    from mapping.framework import FrameworkError, load_framework

    try:
        return load_framework(layers.data(), Path(layers.own.file).stem)
    except FrameworkError as error:
        found = [layers.problem(problem.path, problem.message) for problem in error.problems]
        raise ConfigFileError(sorted(found, key=_in_file_order)) from None


def load_framework_tests(name_or_path: str, framework: Framework) -> list[Case]:
    """Read the tests beside a framework; raises ConfigFileError naming file, line and key of what is wrong."""
    from mapping.examples import read_examples
    from mapping.framework import FrameworkError

    beside = framework_path(name_or_path).with_suffix("")
    hint = "The tests of a framework stand beside it; docs/frameworks/format.md says how they are written."
    document = read_yaml(beside.with_name(f"{beside.name}{TESTS}"), missing_hint=hint)
    try:
        return read_examples(document.data, framework, beside.name)
    except FrameworkError as error:
        raise ConfigFileError([document.problem(problem.path, problem.message) for problem in error.problems]) from None


@dataclass(frozen=True, slots=True)
class Layers:
    """A framework file, and the one that it extends."""

    own: Document
    base: Document | None = None

    def data(self) -> dict[str, Any]:
        """Both as one: mappings are merged key by key, everything else (and each fact) is replaced whole.

        Facts and parameters of the extended framework that nothing names any more are not taken.
        """
        mine = {key: value for key, value in self.own.data.items() if key != "extends"}
        if self.base is None:
            return mine
        both = _merged((), mine, {key: value for key, value in self.base.data.items() if key not in ITS_OWN})
        while idle := [(part, name) for part in _NAMED for name in _idle(both, part) if not self.is_own((part, name))]:
            for part, name in idle:
                both[part] = {key: value for key, value in both[part].items() if key != name}
        return both

    def problem(self, path: KeyPath, message: str, advice: str = "") -> Problem:
        """A problem at a path of `data`, in the file that it comes from."""
        origin = self._origin(path)
        # Nobody can mend a shipped file: what is wrong there is what the file that extends it took away.
        extended = "" if origin is self.own else f"{self.own.file} extends this file."
        return origin.problem(path, message, f"{advice} {extended}".strip())

    def is_own(self, path: KeyPath) -> bool:
        """Whether what stands at a path of `data` comes from the file itself, not from the one that it extends."""
        return self._origin(path) is self.own

    def _origin(self, path: KeyPath) -> Document:
        if self.base is None or path[:1] in {(key,) for key in ITS_OWN}:
            return self.own
        mine: Any = self.own.data
        theirs: Any = self.base.data
        for depth, key in enumerate(path):
            if not _are_merged(path[:depth], mine, theirs) or key not in theirs:
                return self.own
            if key not in mine:
                return self.base
            mine, theirs = mine[key], theirs[key]
        return self.own


def read_layers(name_or_path: str) -> Layers:
    """Read a framework file and the one that it extends; raises ConfigFileError."""
    own = read_yaml(framework_path(name_or_path), missing_hint=_CHECK)
    extended = own.data.get("extends")
    if extended is None:
        return Layers(own)
    if not isinstance(extended, str) or not (is_path(extended) or extended in shipped_frameworks()):
        raise ConfigFileError([own.problem(("extends",), _not_shipped(extended), _instead_of(str(extended)))])
    if "framework" not in own.data:
        message = "is missing: a framework that extends another one needs a name of its own."
        raise ConfigFileError([Problem(own.file, own.line(("extends",)), "framework", message)])
    place = Path(own.file).parent / extended if is_path(extended) else framework_path(extended)
    base = read_yaml(place, missing_hint=f"Check `extends:` in {own.file}; a path counts from that file's folder.")
    if base.data.get("extends") is not None:
        message = f"{base.file} extends another framework itself; only one that stands alone can be extended."
        raise ConfigFileError([own.problem(("extends",), message)])
    return Layers(own, base)


def _idle(data: Mapping[str, Any], part: str) -> list[str]:
    """Names of a part that stand nowhere else in a framework, neither themselves nor as a count of days."""
    from mapping.framework.columns import counted_as

    there = data.get(part)
    if not isinstance(there, dict):
        return []
    elsewhere = Counter(_words(data))
    for name, value in there.items():
        # What names itself alone is not used.
        elsewhere[name] -= Counter(_words(value))[name]
    return [name for name in there if not any(elsewhere[one] > 0 for one in (name, *counted_as(str(name))))]


def _words(data: object) -> Iterator[str]:
    """Every word of every text in it."""
    if isinstance(data, str):
        yield from _WORD.findall(data)
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _words(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _words(value)


def _merged(path: KeyPath, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    found = {**theirs}
    for key, value in mine.items():
        here = (*path, key)
        both = key in theirs and _are_merged(here, value, theirs[key])
        found[key] = _merged(here, value, theirs[key]) if both else value
    return found


def _are_merged(path: KeyPath, mine: object, theirs: object) -> bool:
    """Half of one fact and half of another would be neither."""
    a_fact = len(path) == 2 and path[0] == "facts"
    return isinstance(mine, dict) and isinstance(theirs, dict) and not a_fact


def _not_shipped(name: object) -> str:
    return f"there is no framework {name!r}."


def _instead_of(name: str) -> str:
    names = shipped_frameworks()
    close = nearest(name, names)
    hint = f"Did you mean {close[0]}?" if close else f"Shipped: {', '.join(names)}."
    return f"{hint} A path must contain a `/`."
