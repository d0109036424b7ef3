"""What the settings say about single fields and alerts, held against those that there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from config.errors import ConfigFileError
from config.fieldmaps import problem_at
from config.settings import Settings
from mapping.records import MEASURE
from mapping.spelling import nearest

if TYPE_CHECKING:
    from mapping.framework import Framework


def check_policy(settings: Settings, framework: Framework) -> None:
    """Raise ConfigFileError that names the line of each field which Keepwell does not write, and those it does."""
    named = settings.policy.human_edits_by_field
    if not named:
        return
    from mapping.outputs import measure_fields, output_fields

    known = [spec.name for spec in (*output_fields(framework), *measure_fields(framework)) if spec.writable]
    problems = [
        problem_at(
            settings,
            ("policy", "human_edits_by_field", name),
            f"{name} is no field that Keepwell writes",
            _hint(name, known),
        )
        for name in named
        if name not in known
    ]
    if problems:
        raise ConfigFileError(problems)


def check_tasks(settings: Settings, framework: Framework) -> None:
    """Raise ConfigFileError that names the line of each alert that shall become a task and that no framework raises."""
    known = [rule.id for rule in framework.spec.alerts]
    problems = [
        problem_at(
            settings,
            ("connections", name, "tasks", "alerts"),
            f"{alert} is no alert of the framework {framework.name}",
            _alert_hint(alert, known),
        )
        for name, connection in settings.connections.items()
        for alert in getattr(getattr(connection, "tasks", None), "names", None) or ()
        if alert not in known
    ]
    if problems:
        raise ConfigFileError(problems)


def _alert_hint(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    listed = f"It has {', '.join(known)}; `all` means all of them."
    return f"Did you mean `{close[0]}`? {listed}" if close else listed


def check_measures(settings: Settings, framework: Framework) -> dict[str, frozenset[str]]:
    """Connection → measures that are written there (`measure_ID`), as `connections.NAME.measures` says.

    Raises ConfigFileError that names the line of each component which the framework does not have.
    """
    known = [component.id for component in framework.spec.score.components]
    found: dict[str, frozenset[str]] = {}
    problems = []
    for name, connection in settings.connections.items():
        wanted = getattr(connection, "measures", False)
        chosen = known if wanted is True else list(wanted or ())
        found[name] = frozenset(MEASURE + one for one in chosen)
        problems += [
            problem_at(
                settings,
                ("connections", name, "measures", one),
                f"{one} is no component of the score of {framework.name}",
                f"It has {', '.join(known)}.",
            )
            for one in chosen
            if one not in known
        ]
    if problems:
        raise ConfigFileError(problems)
    return found


def check_measure_fields(
    settings: Settings, connection: str, named: Mapping[str, str], mapped: Collection[str]
) -> None:
    """Raise ConfigFileError for a measure whose field holds something else: another own field, or a `mapped` input.

    `named` are Keepwell's own fields of the connection's accounts: neutral name → property.
    """
    inputs = {prop.casefold() for prop in mapped}
    problems = []
    for name, prop in named.items():
        if not name.startswith(MEASURE):
            continue
        others = [one for one, other in named.items() if one != name and other.casefold() == prop.casefold()]
        if not others and prop.casefold() not in inputs:
            continue
        held = f"is where {others[0]} is written" if others else "is read by the field map, and would be overwritten"
        path = ("connections", connection, "measures", name.removeprefix(MEASURE))
        problems.append(problem_at(settings, path, f"{prop} {held}", "Give the measure a number field of its own."))
    if problems:
        raise ConfigFileError(problems)


def _hint(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    listed = f"It writes {', '.join(known)}."
    return f"Did you mean `{close[0]}`? {listed}" if close else listed
