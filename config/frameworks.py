"""Framework files: the shipped ones by name, a company's own by path."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import ConfigFileError, Problem
from config.load import is_path
from config.yamlfile import read_yaml

if TYPE_CHECKING:
    from mapping.framework import Framework

FRAMEWORKS_DIR = Path(__file__).parent / "frameworks"


def shipped_frameworks() -> tuple[str, ...]:
    """Names of the frameworks that come with Keepwell."""
    return tuple(sorted(path.stem for path in FRAMEWORKS_DIR.glob("*.yaml")))


def framework_path(name_or_path: str) -> Path:
    """The file of a framework; raises ConfigFileError for a name that is not shipped."""
    if is_path(name_or_path):
        return Path(name_or_path)
    names = shipped_frameworks()
    if name_or_path not in names:
        close = difflib.get_close_matches(name_or_path, names, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Shipped: {', '.join(names)}."
        raise ConfigFileError(
            [
                Problem(
                    "framework",
                    None,
                    "",
                    f"there is no framework {name_or_path!r}.",
                    f"{hint} A path must contain a `/`.",
                )
            ]
        )
    return FRAMEWORKS_DIR / f"{name_or_path}.yaml"


def load_framework_file(name_or_path: str) -> Framework:
    """Read and check a framework; raises ConfigFileError naming file, line and key of everything that is wrong."""
    from mapping.framework import FrameworkError, load_framework

    document = read_yaml(framework_path(name_or_path), missing_hint="Check `framework:` in the configuration.")
    try:
        return load_framework(document.data, Path(document.file).stem)
    except FrameworkError as error:
        found = [document.problem(problem.path, problem.message) for problem in error.problems]
        raise ConfigFileError(sorted(found, key=lambda problem: problem.line or 0)) from None
