"""Which channels hear of what."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from notify.settings import Change, Notifications, Route, RunProblem


@dataclass(frozen=True, slots=True)
class Subject:
    """What routes look at: the kind of an alert, its escalation level, the account's segment, whose it is.

    `owners` are the role and, in lower case, whatever names the person.
    """

    alert: str
    level: str | None
    segment: str | None
    owners: Collection[str]


def channels_of_alert(settings: Notifications, subject: Subject, change: Change) -> set[str]:
    """The channels that a route sends this change to."""
    return {name for route in settings.routes if _fits(route, subject, change) for name in route.to}


def follows(settings: Notifications, name: str, change: Change) -> bool:
    """Whether a channel that was told of an alert hears of this change too: if any route to it has the change.

    An acknowledgement or a recovery goes where the trouble was told, wherever the alert would go now.
    """
    return any(change in route.changes for route in _alerting(settings, name))


def channels_of_runs(settings: Notifications) -> dict[str, frozenset[RunProblem]]:
    """What each channel hears of runs; channels that hear nothing of them are left out."""
    found: dict[str, frozenset[RunProblem]] = {}
    for route in settings.routes:
        for name in route.to if route.runs else ():
            found[name] = found.get(name, frozenset()) | frozenset(route.runs)
    return found


def fingerprint(settings: Notifications, name: str) -> list[dict[str, object]]:
    """What the routes let through to a channel, to see that they were changed."""
    return [route.model_dump(mode="json", exclude={"to", "runs", "changes"}) for route in _alerting(settings, name)]


def _alerting(settings: Notifications, name: str) -> Iterator[Route]:
    return (route for route in settings.routes if name in route.to and route.alerts != "none")


def _fits(route: Route, subject: Subject, change: Change) -> bool:
    return (
        route.alerts != "none"
        and change in route.changes
        and (not route.alerts or subject.alert in route.alerts)
        and (not route.levels or subject.level in route.levels)
        and (not route.segments or subject.segment in route.segments)
        and (not route.owners or any(owner.strip().lower() in subject.owners for owner in route.owners))
    )
