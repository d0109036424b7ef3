"""Every event that is logged is in the catalogue and in docs/events.md, with exactly its fields, and no other is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from config.catalogue import CATALOGUE
from sync.events import Event
from sync.logbook import NAMES, logged_fields

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "connectors", "dashboard", "mapping", "notify", "sandbox", "store", "sync", "verbs")
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def logged_directly() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Place, name and fields of each call of `log_event` in the program."""
    for path in (ROOT / "cli.py", *(file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "log_event":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the event's name must stand there"
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                given = {str(word.arg) for word in node.keywords}
                traced = {"exception"} if "exc_info" in given else set()
                yield place, str(name.value), frozenset(given - {"exc_info"} | traced)


DIRECT = list(logged_directly())


def test_every_event_of_a_run_has_a_line() -> None:
    assert set(NAMES) == set(get_args(Event))
    assert len(set(NAMES.values())) == len(NAMES)


@pytest.mark.parametrize("kind", get_args(Event))
def test_a_line_about_a_run_has_the_fields_of_the_catalogue(kind: type[Event]) -> None:
    assert logged_fields(kind) == CATALOGUE[NAMES[kind]].fields


@pytest.mark.parametrize(("place", "name", "fields"), DIRECT)
def test_a_line_of_a_command_has_the_fields_of_the_catalogue(place: str, name: str, fields: frozenset[str]) -> None:
    assert fields == set(CATALOGUE[name].fields), place


def test_the_catalogue_has_no_event_that_nobody_logs() -> None:
    by_the_log_itself = {"log.dropped"}
    assert set(CATALOGUE) == set(NAMES.values()) | {name for _, name, _ in DIRECT} | by_the_log_itself


def test_no_other_line_is_written_past_the_catalogue() -> None:
    past = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"getLogger\(.+\)|get_logger\(", path.read_text(encoding="utf-8"))
    ]
    assert past == ["dashboard/logs.py"]


def test_the_page_is_the_catalogue() -> None:
    rows = [
        f"| `{name}` | {event.level} | {', '.join(f'`{field}`' for field in event.fields)} | {event.meaning} |"
        for name, event in CATALOGUE.items()
    ]
    assert re.findall(r"^\| `[a-z_]+\.[a-z_]+` \|.*$", PAGE, re.MULTILINE) == rows
