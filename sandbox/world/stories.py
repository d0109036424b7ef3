"""The lives that accounts can have: how long ago they went live, when their contract ends, how its renewal goes."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Renewal:
    """The renewal deal of a story's current term; `ratio` is its value over the running ARR, in percent."""

    state: str  # open | won | lost
    ratio: Span
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Story:
    """One life; spans are inclusive days: `live` ago, `signed` ago (when not live), `ends` from today."""

    name: str
    weight: float
    live: Span | None = (380, 1500)
    signed: Span | None = None
    ends: Span | None = None
    mood: str = "steady"
    renewal: Renewal | None = None
    auto_renew: bool = False
    cancel_notice: bool = False
    churned: bool = False
    forecast: str | None = None


# Shares of green, yellow, red and unknown health. Unknown means that usage and value figures are absent or stale.
MOODS: dict[str, tuple[float, float, float, float]] = {
    "prospect": (0.0, 0.0, 0.0, 1.0),
    "starting": (0.20, 0.30, 0.15, 0.35),
    "fresh": (0.50, 0.34, 0.13, 0.03),
    "steady": (0.56, 0.32, 0.10, 0.02),
    "happy": (0.75, 0.22, 0.02, 0.01),
    "worried": (0.15, 0.50, 0.33, 0.02),
    "leaving": (0.02, 0.18, 0.65, 0.15),
}

STORIES = (
    Story("prospect", 3.0, live=None, mood="prospect"),
    Story("implementation", 4.0, live=None, signed=(5, 75), mood="starting"),
    Story("implementation_overdue", 2.0, live=None, signed=(95, 220), mood="starting"),
    Story("adoption", 9.0, live=(1, 88), mood="fresh"),
    Story("value_realization", 20.0, live=(92, 360)),
    Story("growth", 23.0, ends=(95, 360)),
    Story("renewal_on_track", 6.0, ends=(5, 90), renewal=Renewal("open", (99, 125))),
    Story("renewal_due", 4.0, ends=(61, 90)),
    Story("renewal_not_started", 2.0, ends=(2, 59), mood="worried"),
    Story("renewal_downsell", 2.0, ends=(5, 110), mood="worried", renewal=Renewal("open", (45, 97))),
    Story("renewal_won_expansion", 4.0, ends=(-20, 80), mood="happy", renewal=Renewal("won", (105, 150))),
    Story("renewal_won_flat", 3.0, ends=(-20, 80), renewal=Renewal("won", (100, 100))),
    Story("renewal_won_contraction", 2.0, ends=(-20, 80), mood="worried", renewal=Renewal("won", (50, 96))),
    Story("renewal_lost", 2.0, ends=(-25, 80), mood="leaving", renewal=Renewal("lost", (90, 110))),
    Story("overdue", 3.0, ends=(-29, -1), mood="worried", renewal=Renewal("open", (95, 110), chance=0.5)),
    Story("lapsed", 1.5, ends=(-200, -31), mood="leaving"),
    Story("churned", 3.0, ends=(-250, 120), mood="leaving", churned=True),
    Story("cancel_notice", 2.0, ends=(10, 150), mood="leaving", cancel_notice=True),
    Story("auto_renew_done", 2.0, ends=(-100, -1), auto_renew=True),
    Story("auto_renew_coming", 1.5, ends=(5, 88), auto_renew=True),
    Story("forecast_churn", 1.0, ends=(20, 85), mood="leaving", forecast="churn"),
    Story("forecast_downsell", 1.0, ends=(20, 85), mood="worried", forecast="downsell"),
    Story("no_contract", 1.5, ends=None),
)
