"""The portfolio must have something of everything: scored with the default framework's curves it is mixed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest

from sandbox.world.generate import generate
from sandbox.world.model import Account, World
from sandbox.world.stories import STORIES

TODAY = date(2026, 11, 22)
_NOON = datetime.combine(TODAY, time(12), UTC)
_FULL = 4.0  # components


@pytest.fixture(scope="module")
def world() -> World:
    return generate(seed=11, accounts=3000, today=TODAY)


def curve(value: float | None, *points: tuple[float, float]) -> float | None:
    if value is None:
        return None
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return points[-1][1]


def ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def recent(instant: datetime) -> bool:
    return _NOON - timedelta(days=90) <= instant <= _NOON


def components(account: Account) -> list[tuple[float, list[float | None]]]:
    usage_known = account.usage_as_of is not None and (TODAY - account.usage_as_of).days <= 7
    value_known = account.value_as_of is not None and (TODAY - account.value_as_of).days <= 120
    usage = [
        curve(account.logins_per_user_week, (0, 0), (1, 50), (3, 100)),
        curve(ratio(account.features_used, account.features_licensed), (0, 0), (0.5, 60), (0.8, 100)),
        curve(ratio(account.data_volume, account.data_volume_contracted), (0, 0), (0.5, 50), (1, 100)),
    ]
    value = [
        curve(ratio(account.roi_realised, account.roi_target), (0, 0), (1, 100)),
        curve(ratio(account.goals_achieved, account.goals_agreed), (0, 0), (1, 100)),
        curve(ratio(account.hours_saved, account.hours_saved_target), (0, 0), (1, 100)),
    ]
    meetings = [m for m in account.meetings if recent(m.starts_at)]
    done = [m for m in meetings if m.outcome == "completed"]
    planned = [m for m in meetings if m.outcome in ("completed", "no_show", "cancelled")]
    moods = [t.sentiment for t in account.tickets if t.sentiment is not None and recent(t.created_at)]
    relationship = [
        curve(len({person for m in done for person in m.contacts}), (0, 0), (3, 100)),
        curve(ratio(sum(moods), len(moods)), (-1, 0), (1, 100)),
        curve(ratio(len(done), len(planned)), (0, 0), (1, 100)),
    ]
    expansions = sum(d.kind == "expansion" and d.state == "open" for d in account.deals)
    requests = sum(t.category == "feature_request" and recent(t.created_at) for t in account.tickets)
    growth = [
        curve(expansions + (account.expansion_discussions or 0), (0, 0), (1, 70), (2, 100)),
        {"refused": 0.0, "willing": 80.0, "active": 100.0}.get(account.reference_status or ""),
        curve(requests, (0, 0), (1, 60), (3, 100)),
    ]
    return [
        (30.0, usage if usage_known else [None] * 3),
        (30.0, value if value_known else [None] * 3),
        (20.0, relationship),
        (20.0, growth),
    ]


def band(account: Account) -> str:
    parts = components(account)
    present = sum(weight * sum(p is not None for p in points) / len(points) for weight, points in parts)
    if present < 50:
        return "unknown"
    known = [(weight, [p for p in points if p is not None]) for weight, points in parts]
    known = [(weight, points) for weight, points in known if points]
    score = sum(w * sum(points) / len(points) for w, points in known) / sum(w for w, _ in known)
    return "green" if score >= 80 else "yellow" if score >= 60 else "red"


def test_half_of_the_scored_accounts_are_green_a_third_yellow_and_a_tenth_of_all_unknown(world: World) -> None:
    living = [a for a in world.accounts if not a.archived and a.merged_into is None]
    bands = Counter(band(account) for account in living)
    scored = bands["green"] + bands["yellow"] + bands["red"]
    assert 0.42 <= bands["green"] / scored <= 0.58
    assert 0.26 <= bands["yellow"] / scored <= 0.40
    assert 0.10 <= bands["red"] / scored <= 0.26
    assert 0.07 <= bands["unknown"] / len(living) <= 0.12


def test_every_story_is_told(world: World) -> None:
    told = Counter(account.story for account in world.accounts)
    assert set(told) == {story.name for story in STORIES} | {"duplicate"}


def test_an_account_has_about_four_children(world: World) -> None:
    total = len(world.accounts)
    assert 1.1 <= sum(len(a.deals) for a in world.accounts) / total <= 1.5
    assert 1.4 <= sum(len(a.tickets) for a in world.accounts) / total <= 1.9
    assert 0.9 <= sum(len(a.meetings) for a in world.accounts) / total <= 1.3
