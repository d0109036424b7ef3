"""The shape of the house: what `make check` cannot see is held here."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import LONG

ROOT = Path(__file__).resolve().parents[2]
TRACKED = [
    ROOT / line
    for line in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    if (ROOT / line).is_file()
]
SOURCES = [path for path in TRACKED if path.suffix == ".py"]
LOCKS = {
    "requirements.lock": ["build"],
    "requirements-dev.lock": ["build", "dev"],
    "requirements-semgrep.lock": ["semgrep"],
}
"""Lock file → groups whose requirements it holds, the program's among them with `build`."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_file_stays_under_400_lines() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_nobody_imports_cli() -> None:
    importers = []
    for path in SOURCES:
        if {"tests", "docs"} & set(path.parts):  # docs/tools asks it for its help
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if "cli" in names or module == "cli":
                importers.append(str(path.relative_to(ROOT)))
    assert importers == []


def test_the_wheel_holds_exactly_the_rooms_of_the_house() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    on_disk = {path.relative_to(ROOT).parts[0] for path in SOURCES} - {"tests", "benchmarks", "deploy", "docs"}
    assert set(wheel) == on_disk


def test_no_dependency_is_unpinned_or_pinned_from_a_named_host() -> None:
    for lock, groups in LOCKS.items():
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s;\\]+)", text, flags=re.MULTILINE))
        pinned = {canonicalize_name(name): version for name, version in pinned.items()}
        wanted = [line for group in groups for line in PROJECT["dependency-groups"][group]]
        wanted += PROJECT["project"]["dependencies"] if "build" in groups else []
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{lock} lacks {name}: run `make lock`"
            assert requirement.specifier.contains(pinned[name]), f"{lock}: {name} {pinned[name]} is not {requirement}"


def test_every_skip_carries_a_written_reason() -> None:
    bare = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in {"skip", "skipif", "xfail"} and not (
                any(word.arg == "reason" for word in node.keywords) or (node.func.attr == "skip" and node.args)
            ):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert bare == []


def test_what_make_test_leaves_out_is_run_by_make_test_long_and_ci_runs_both() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = dict(re.findall(r"^(test[a-z-]*):.*\n\t@(.*)", makefile, re.MULTILINE))
    assert verbs == {"test": '$(PYTEST) -m "not long"', "test-long": "$(PYTEST) -m long"}
    in_ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in in_ci if line.startswith("make")] == ["make check", "make test", "make test-long"]
    gone = [name for name in LONG if not (ROOT / "tests" / name).exists()]
    assert gone == []


@pytest.mark.parametrize(
    "room", ["config", "connectors", "dashboard", "mapping", "notify", "sandbox", "store", "sync", "verbs"]
)
def test_every_module_says_what_it_is_for(room: str) -> None:
    mute = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] == room and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert mute == []
