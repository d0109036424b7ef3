"""Framework files: the shipped ones by name, a company's own by path, and what one of them takes from another."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import ConfigFileError, Problem
from config.load import is_path
from config.yamlfile import Document, KeyPath, read_yaml

if TYPE_CHECKING:
    from mapping.examples import Case
    from mapping.framework import Framework

FRAMEWORKS_DIR = Path(__file__).parent / "frameworks"
TESTS = ".tests.yaml"
"""How the name of a file of tests ends: `ours.tests.yaml` stands beside `ours.yaml`."""
ITS_OWN = frozenset({"framework", "title", "description", "extends"})
"""Keys that a framework never takes from another one."""
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
    from mapping.framework import FrameworkError, load_framework

    layers = read_layers(name_or_path)
    try:
        return load_framework(layers.data(), Path(layers.own.file).stem)
    except FrameworkError as error:
        found = [layers.problem(problem.path, problem.message) for problem in error.problems]
        raise ConfigFileError(sorted(found, key=lambda problem: (problem.file, problem.line or 0))) from None


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
        """Both as one: mappings are merged key by key, everything else (and each fact) is replaced whole."""
        mine = {key: value for key, value in self.own.data.items() if key != "extends"}
        if self.base is None:
            return mine
        return _merged((), mine, {key: value for key, value in self.base.data.items() if key not in ITS_OWN})

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a path of `data`, in the file that it comes from."""
        origin = self._origin(path)
        # Nobody can mend a shipped file: what is wrong there is what the file that extends it took away.
        hint = "" if origin is self.own else f"{self.own.file} extends this file."
        return origin.problem(path, message, hint)

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
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Shipped: {', '.join(names)}."
    return f"{hint} A path must contain a `/`."
