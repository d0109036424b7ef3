"""Field maps: the shipped one of each CRM, with the changes that the settings make to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from config.errors import ConfigFileError, Problem
from config.settings import Settings
from config.yamlfile import KeyPath, dotted, read_yaml
from connectors.registry import connector_type
from mapping.fieldmap import FieldMap, FieldMapError

MILESTONES = "milestones"
_MILESTONE_FIELDS = ("account_ref", "key", "completed_on")
FIELDS_DIR = Path(__file__).parent / "fields"


def load_field_map(kind: str, overrides: Mapping[str, Any] | None = None) -> FieldMap:
    """The field map of a connection type, with `overrides`: stream → field → property; raises FieldMapError."""
    return FieldMap.parse(_shipped(connector_type(kind).defaults), dict(overrides) if overrides else None)


@cache
def _shipped(name: str) -> Mapping[str, Any]:
    """A file of the package as data; reading it takes as long as opening the store and both connections."""
    return read_yaml(FIELDS_DIR / f"{name}.yaml").data


def load_field_maps(settings: Settings) -> dict[str, FieldMap]:
    """The field map of every connection; raises ConfigFileError that names the line of each wrong override."""
    maps: dict[str, FieldMap] = {}
    problems: list[Problem] = []
    for name, connection in settings.connections.items():
        kind = str(getattr(connection, "type", ""))
        try:
            maps[name] = load_field_map(kind, settings.fields.get(name))
            problems.extend(_milestone_problems(settings, name, maps[name]))
        except FieldMapError as error:
            problems.append(problem_at(settings, ("fields", name, *error.path), error.message))
    if problems:
        raise ConfigFileError(problems)
    return maps


def _milestone_problems(settings: Settings, name: str, field_map: FieldMap) -> Iterator[Problem]:
    """Whether an object of milestones is both named and mapped; no CRM has a usual one."""
    mapped = field_map.streams.get(MILESTONES)
    if mapped is None:
        return
    named = getattr(settings.connections[name], MILESTONES, None) is not None
    lacking = [one for one in _MILESTONE_FIELDS if one not in mapped.rules]
    if named and lacking:
        missing = f"says where milestones are, but fields.{name}.{MILESTONES} does not map {', '.join(lacking)}"
        yield problem_at(settings, ("connections", name, MILESTONES), missing)
    if mapped.rules and not named:
        nowhere = f"is mapped, but connections.{name}.{MILESTONES}.object does not say in which object they are"
        yield problem_at(settings, ("fields", name, MILESTONES), nowhere)


def problem_at(settings: Settings, path: KeyPath, message: str, hint: str = "") -> Problem:
    """A problem with one setting that shows only beside something else, at the place where it was given."""
    text = message.rstrip(".") + "."
    if settings.source is None:
        return Problem("settings", None, dotted(path), text, hint)
    origin = settings.source.tree.origin(path)
    if origin.kind == "file":
        return settings.source.document.problem(path, text, hint)
    return Problem(origin.where or settings.source.document.file, origin.line, dotted(path), text, hint)
