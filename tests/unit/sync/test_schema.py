"""Definitions that changed since the last run are told once, in words, and only where they matter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.base import Definition
from store import Store, open_store
from sync.report import RunReport
from sync.schema import MOST_TOLD, note_schema_changes

USED = Definition("enumeration", ("a", "b"), mapped=True)
CUSTOM = Definition("string", custom=True)
OTHER = Definition("string")


@dataclass
class Crm:
    """A CRM as far as its definitions go."""

    streams: dict[str, dict[str, Definition]] = field(default_factory=dict)

    def schema(self) -> dict[str, dict[str, Definition]]:
        return self.streams

    def fields(self) -> Any:
        return SimpleNamespace(property_name=lambda spec: f"cs_{spec}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path}/keepwell.db", "default", create=True)) as opened:
        yield opened


def run(store: Store, **streams: dict[str, Definition]) -> RunReport:
    report = RunReport("r", "pull", "2026-11-22", "")
    deps = SimpleNamespace(connectors={"crm": Crm(streams)}, store=store, specs_of=lambda _name: ["score"])
    session = SimpleNamespace(deps=deps, ws="default", report=report, write=store.write,
                              note=lambda message, _name: report.notes.append(message))  # fmt: skip
    note_schema_changes(cast(Any, session))
    return report


def test_a_first_look_is_no_change(store: Store):
    assert run(store, companies={"x": USED}).notes == []
    assert run(store, companies={"x": USED}, deals={"y": CUSTOM}).notes == []


def test_changes_are_told_once_in_words(store: Store):
    run(store, companies={"arr": Definition("number", mapped=True), "tier": USED, "gone": CUSTOM, "std": OTHER})
    now = {"arr": Definition("string", mapped=True), "tier": Definition("enumeration", ("b", "c"), mapped=True),
           "fresh": CUSTOM, "cs_score": CUSTOM}  # fmt: skip
    report = run(store, companies=now)
    expected = ["type of arr changed number -> string", "new property fresh", "property gone is gone",
                "options of tier gone: a", "new options of tier: c"]  # fmt: skip
    assert report.schema_changes == {"crm": {"companies": expected}}
    assert report.notes == [f"crm: companies: {'; '.join(expected)}"]
    assert report.to_dict()["schema_changes"] == report.schema_changes
    assert run(store, companies=now).schema_changes == {}


def test_what_nobody_reads_may_change_and_a_new_map_is_no_change_of_the_crm(store: Store):
    run(store, companies={"std": OTHER, "own": CUSTOM, "kept": OTHER})
    changed = {"own": Definition("number", custom=True), "more": OTHER,
               "kept": Definition("string", ("x",), mapped=True)}  # fmt: skip
    assert run(store, companies=changed).notes == []


def test_a_stream_that_cannot_be_read_now_is_compared_when_it_can_be_again(store: Store):
    run(store, companies={"x": USED}, deals={"d": CUSTOM})
    assert run(store, companies={"x": USED}).notes == []
    assert run(store, companies={"x": USED}, deals={"d": CUSTOM, "e": CUSTOM}).notes == ["crm: deals: new property e"]


def test_many_changes_make_one_line_of_bearable_length(store: Store):
    run(store, companies={"x": USED})
    report = run(store, companies={"x": USED, **{f"p{number:02}": CUSTOM for number in range(MOST_TOLD + 5)}})
    assert report.notes[0].endswith("new property p19; and 5 more")
    assert len(report.schema_changes["crm"]["companies"]) == MOST_TOLD + 5
