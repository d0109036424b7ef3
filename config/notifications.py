"""What the routes of notifications name, held against the framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from config.errors import ConfigFileError, Problem
from config.fieldmaps import problem_at
from config.settings import Settings
from mapping.spelling import nearest

if TYPE_CHECKING:
    from mapping.framework import Framework


def check_notifications(settings: Settings, framework: Framework) -> None:
    """Raise ConfigFileError that names each alert, level and segment of a route which the framework does not have."""
    problems = list(_problems(settings, framework))
    if problems:
        raise ConfigFileError(problems)


def _problems(settings: Settings, framework: Framework) -> Iterator[Problem]:
    known = _known(framework) if settings.notifications.routes else {}
    for number, route in enumerate(settings.notifications.routes):
        for key, names in known.items():
            given = getattr(route, key)
            for name in given if given != "none" else ():
                if name not in names:
                    path = ("notifications", "routes", number, key)
                    what = f"the framework {framework.name} has no {key.removesuffix('s')} {name!r}"
                    yield problem_at(settings, path, what, _hint(name, names))


def _known(framework: Framework) -> dict[str, Sequence[str]]:
    spec = framework.spec
    told = spec.capacity_alert
    return {
        "alerts": [one.id for one in (*spec.alerts, *([told.rule()] if told is not None else []))],
        "levels": [one.id for one in (spec.escalation.levels if spec.escalation else ())],
        "segments": [rule.id for one in spec.segments if one.dimension == "segment" for rule in one.rules],
    }


def _hint(name: str, known: Sequence[str]) -> str:
    close = nearest(name, known)
    listed = f"It has {', '.join(known)}." if known else "It has none."
    return f"Did you mean `{close[0]}`? {listed}" if close else listed
