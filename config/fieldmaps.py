"""Field maps: the shipped one of each CRM, with the changes that the settings make to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.errors import ConfigFileError, Problem
from config.settings import Settings
from config.yamlfile import KeyPath, dotted, read_yaml
from connectors.registry import connector_type
from mapping.fieldmap import FieldMap, FieldMapError

FIELDS_DIR = Path(__file__).parent / "fields"


def load_field_map(kind: str, overrides: Mapping[str, Any] | None = None) -> FieldMap:
    """The field map of a connection type, with `overrides`: stream → field → property; raises FieldMapError."""
    default = read_yaml(FIELDS_DIR / f"{connector_type(kind).defaults}.yaml")
    return FieldMap.parse(default.data, dict(overrides) if overrides else None)


def load_field_maps(settings: Settings) -> dict[str, FieldMap]:
    """The field map of every connection; raises ConfigFileError that names the line of each wrong override."""
    maps: dict[str, FieldMap] = {}
    problems: list[Problem] = []
    for name, connection in settings.connections.items():
        kind = str(getattr(connection, "type", ""))
        try:
            maps[name] = load_field_map(kind, settings.fields.get(name))
        except FieldMapError as error:
            problems.append(problem_at(settings, ("fields", name, *error.path), error.message))
    if problems:
        raise ConfigFileError(problems)
    return maps


def problem_at(settings: Settings, path: KeyPath, message: str, hint: str = "") -> Problem:
    """A problem with one setting that shows only beside something else, at the place where it was given."""
    text = message.rstrip(".") + "."
    if settings.source is None:
        return Problem("settings", None, dotted(path), text, hint)
    origin = settings.source.tree.origin(path)
    if origin.kind == "file":
        return settings.source.document.problem(path, text, hint)
    return Problem(origin.where or settings.source.document.file, origin.line, dotted(path), text, hint)
