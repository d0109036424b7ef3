"""The documented shapes of `--json`: every command has one, each names all keys, and they are those of the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors.base import Check
from dashboard.answers import Failure
from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table
from sync import report
from sync.drift import Compared
from sync.ending import ending_of_error
from sync.errors import UsageError
from tests.docs.test_documented import ALL

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/json/answers.schema.json").read_text(encoding="utf-8"))
SHAPES: dict[str, dict[str, Any]] = SCHEMA["$defs"]
DATACLASSES = {
    "StreamCounts": report.StreamCounts,
    "ConnectionPlan": report.ConnectionPlan,
    "AlertCounts": report.AlertCounts,
    "NewsCounts": report.NewsCounts,
    "ApiUse": report.ApiUse,
    "AccountLine": report.AccountLine,
    "BackfillLine": report.BackfillLine,
    "UndoLine": report.UndoLine,
    "Compared": Compared,
    "Check": Check,
    "Document": Document,
    "Section": Section,
    "Figure": Figure,
    "Chart": Chart,
    "Series": Series,
    "Table": Table,
    "Column": Column,
}


def shape_of(command: str) -> str:
    """Name of a command's shape."""
    return command.removeprefix("keepwell ").replace(" ", "-")


def validator(name: str) -> Draft202012Validator:
    """Holds data against one of the shapes."""
    return Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"})


def parts(shape: Any) -> Iterator[dict[str, Any]]:
    """A shape and every one inside it."""
    if isinstance(shape, dict):
        yield shape
        for value in shape.values():
            yield from parts(value)
    elif isinstance(shape, list):
        for value in shape:
            yield from parts(value)


def test_the_file_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    named = {one["$ref"].rsplit("/", 1)[1] for one in parts(SHAPES) if "$ref" in one}
    assert named <= set(SHAPES)
    assert {name for name in SHAPES if name[0].isupper()} <= named, "no shape that nothing has"


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_a_shape_and_the_page_lists_it(command: str) -> None:
    assert shape_of(command) in SHAPES
    page = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    assert f"`{command.removeprefix('keepwell ')}`" in page


def test_no_shape_is_of_a_command_that_is_not_there() -> None:
    commands = {shape_of(command) for command in ALL} | {"failed"}
    assert {name for name in SHAPES if not name[0].isupper()} == commands


def test_every_object_is_closed_and_every_key_is_described() -> None:
    objects = [one for one in parts(SHAPES) if one.get("type") == "object"]
    assert all("additionalProperties" in one for one in objects)
    described = [value for one in objects for value in one.get("properties", {}).values()]
    assert len(described) > 500
    assert [one for one in described if not one.get("description")] == []


@pytest.mark.parametrize("name", DATACLASSES)
def test_keys_are_those_of_the_dataclass(name: str) -> None:
    assert set(SHAPES[name]["properties"]) == {one.name for one in fields(DATACLASSES[name])}


def test_a_report_and_a_failure_have_their_shape() -> None:
    made = report.RunReport("r", "sync", "2026-01-01", "2026-01-01T00:00:00Z")
    assert list(validator("sync").iter_errors(made.to_dict())) == []
    assert [one.validator for one in validator("sync").iter_errors(made.to_dict() | {"more": 1})] == [
        "additionalProperties"
    ]
    ending = ending_of_error(UsageError("No.", hint="Yes."))
    assert ending is not None
    failure = Failure("No.", "Yes.", ending.exit_code, ending.status, ending.code)
    assert list(validator("failed").iter_errors(failure.to_dict())) == []
