"""Portfolios drawn from a seed: every kind of record, gap, oddity and boundary, for whoever compares evaluations."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import Phase

from mapping.frames import AsOf, Frames
from tests.unit.mapping.portfolio import Portfolio, noon

QUICK: dict[str, Any] = {"deadline": None, "phases": (Phase.explicit, Phase.reuse, Phase.generate)}
"""A whole evaluation is too slow to shrink a failure of it; the seed names the portfolio."""
TODAY = date(2025, 11, 10)
AT = AsOf(noon("2025-11-10"), "Europe/Copenhagen")
EDGES = (
    -731, -730, -456, -455, -366, -365, -364, -181, -180, -121, -120, -119, -92, -91, -90, -89, -85, -84, -83, -62,
    -61, -60, -38, -37, -32, -31, -30, -29, -23, -22, -15, -14, -8, -7, -6, -1, 0, 1, 2, 6, 7, 29, 30, 31, 32, 59, 60,
    61, 62, 89, 90, 91, 92, 120, 180, 181, 365,
)  # fmt: skip
"""Days around today at which some rule changes its mind."""
FIGURES = (
    "logins_per_user_week", "features_used", "features_licensed", "data_volume", "data_volume_contracted",
    "roi_realised", "roi_target", "goals_achieved", "goals_agreed", "hours_saved", "hours_saved_target",
)  # fmt: skip
USED = ("logins_per_user_week", "features_used", "data_volume")
RENEWAL_STEPS = ("renewal_value_documented", "renewal_proposed", "renewal_negotiated")
DEPARTURE_STEPS = ("exit_interview", "knowledge_transfer", "data_export", "lessons_learned")
MONEY = (
    None, 0, -500, 50_000, 80_000, "98850", "98999.999999", 99_000, 100_000, 101_000, "101000.000001", "33333.333333",
)  # fmt: skip
CATEGORIES = (
    None, "Feature Request", "feature_request", " Legal ", "Board", "contract dispute", "Performance", "How-to", "",
)  # fmt: skip
TITLES = (None, "QBR autumn", "Kick-off", "Progress call", "Strategic planning", "Lunch", "Win-back", "Adoption")
TYPES = (None, "QBR", " qbr ", "Kickoff", "Check-in", "Welcome call", "Success review", "Business review", "Win-back")
STATUSES = (
    None, "on_track", "projected_churn", "churned", "renewed", "not_applicable", "nonsense",
)  # fmt: skip


def made_up(seed: int, size: int = 60) -> Frames:
    """A portfolio of so many accounts, the same for the same seed."""
    dice = Dice(seed)
    portfolio = Portfolio()
    for number in range(size):
        _account(dice, portfolio, f"hubspot:{number:04}")
    for number in range(size):
        _recorded(dice, portfolio, f"hubspot:{number:04}")
    return portfolio.frames()


class Dice(random.Random):
    """Chances, days and figures."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def day(self, there: float = 0.7, low: int = -800, high: int = 400) -> date | None:
        """A day, or none; half of them lie on an edge."""
        if not self.chance(there):
            return None
        return TODAY + timedelta(days=self.choice(EDGES) if self.chance(0.5) else self.randint(low, high))

    def moment(self, there: float = 1.0) -> datetime | None:
        """An instant, near midnight of some zone now and then."""
        day = self.day(there, -130, 20)
        hour = self.choice((0, 9, 12, 22, 23))
        return None if day is None else noon(day.isoformat()).replace(hour=hour, minute=self.choice((0, 30)))

    def figure(self, top: float = 4) -> float | None:
        return round(self.random() * top, 3) if self.chance(0.85) else None

    def flag(self) -> bool | None:
        return self.choice((None, True, False))


def _account(dice: Dice, portfolio: Portfolio, name: str) -> None:
    generous = dice.chance(0.3)  # else hardly anybody would be green
    portfolio.account(
        name,
        **{item: dice.choice((0.0, -1.0)) if dice.chance(0.06) else dice.figure() for item in FIGURES},
        **_contracted(dice),
        arr=dice.choice(MONEY),
        acv=dice.choice(MONEY),
        currency=dice.choice((None, "EUR", "EUR", "USD")),
        strategic_flag=dice.flag(),
        reference_status=dice.choice((None, "willing", "active", "refused", "not_asked")),
        expansion_discussions=dice.choice((None, 0.0, 1.0, 2.0)),
        usage_as_of=dice.day(0.8, -9, 2) if dice.chance(0.3) else TODAY,
        value_as_of=dice.day(0.8, -130, 2) if dice.chance(0.3) else TODAY,
        go_live_at=dice.day(),
        first_value_at=dice.day(0.4),
        implementation_team_assigned_at=dice.day(0.8, -300, 10),
        success_criteria_documented_at=dice.day(0.8, -300, 10),
        project_manager_identified_at=dice.day(0.8, -300, 10),
        created_at=dice.moment(0.7),
        not_connected=dice.choice((None, [], ["features_used", "arr"], ["logins_per_user_week", "data_volume"])),
        **{feed: dice.chance(0.8) for feed in ("has_deals", "has_tickets", "has_meetings", "has_usage")},
    )
    if generous:
        portfolio.rows["account"][-1].update(dict.fromkeys(FIGURES, 3.0))
    _tickets(dice, portfolio, name)
    _meetings(dice, portfolio, name)
    contracts = _contracts(dice, portfolio, name)
    _deals(dice, portfolio, name, contracts)
    _past(dice, portfolio, name)


def _contracted(dice: Dice) -> dict[str, Any]:
    """The account's own contract dates and what people say about its renewal."""
    return {
        "contract_signed_at": dice.day(0.5),
        "contract_start_at": dice.day(0.5),
        "contract_end_at": dice.day(0.7, -60, 300),
        "churned_at": dice.day(0.12, -90, 30),
        "auto_renew": dice.flag() if dice.chance(0.5) else None,
        "cancel_notice_at": dice.day(0.1, -60, 30),
        "renewal_forecast": dice.choice((None, None, None, "churn", "downsell")),
        "renewal_status_override": dice.choice(STATUSES) if dice.chance(0.3) else None,
        "override_reason": dice.choice((None, "said so", "said so")),
        "override_until": dice.day(0.8, -5, 40),
    }


def _tickets(dice: Dice, portfolio: Portfolio, name: str) -> None:
    for _ in range(dice.choice((0, 0, 1, 2, 4))):
        portfolio.ticket(
            name,
            created_at=dice.moment(0.95),
            closed_at=dice.moment(0.6),
            sentiment=dice.choice((None, -1.0, -0.5, 0.2, 1.0)),
            category=dice.choice(CATEGORIES),
            escalation_level=dice.choice((None, None, None, 1, 2, 3, 4)),
            is_escalated=dice.flag(),
        )


def _meetings(dice: Dice, portfolio: Portfolio, name: str) -> None:
    outcomes = ("completed", "completed", "no_show", "cancelled", "rescheduled", "scheduled", None)
    for _ in range(dice.choice((0, 1, 3, 6))):
        portfolio.meeting(
            name,
            tuple(f"c{dice.randint(0, 4)}" for _ in range(dice.randint(0, 3))),
            starts_at=dice.moment(0.97),
            outcome=dice.choice(outcomes),
            type=dice.choice(TYPES),
            title=dice.choice(TITLES),
        )


def _contracts(dice: Dice, portfolio: Portfolio, name: str) -> list[tuple[str, date | None]]:
    """Lines side by side, one after the other, with gaps, without an end, ending before they start."""
    made = []
    end: date | None = None
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 3, 4))):
        if end is not None and dice.chance(0.5):  # goes on where the line before ends
            start: date | None = end + timedelta(days=dice.choice((-32, -31, -30, -1, 0, 1, 2, 31, 32, 60)))
        else:
            start = dice.day(0.9, -500, 60)
        length = dice.choice((-3, 0, 30, 89, 90, 91, 364, 365, 730))
        end = dice.day(0.9, -100, 300) if start is None or dice.chance(0.3) else start + timedelta(days=length)
        portfolio.contract(
            name,
            start_at=start,
            end_at=end,
            arr=dice.choice(MONEY),
            currency=dice.choice((None, "EUR", "EUR", "USD")),
            status=dice.choice((None, "Activated", "Activated", "Draft", " cancelled ")),
            auto_renew=dice.flag() if dice.chance(0.5) else None,
            cancel_notice_at=dice.day(0.1, -60, 30),
        )
        made.append((portfolio.rows["contract"][-1]["id"], end))
    return made


def _deals(dice: Dice, portfolio: Portfolio, name: str, contracts: list[tuple[str, date | None]]) -> None:
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        contract, end = dice.choice(contracts) if contracts else ("none", None)
        near = end is not None and dice.chance(0.6)
        close = end + timedelta(days=dice.choice((-181, -180, -40, 0, 30, 90, 91))) if near and end else dice.day(0.9)
        amounts = {one: dice.choice(MONEY) if dice.chance(0.4) else None for one in ("amount", "tcv", "acv", "arr")}
        portfolio.deal(
            name,
            kind=dice.choice((None, "new", "new", "renewal", "renewal", "renewal", "expansion")),
            state=dice.choice(("open", "open", "won", "lost")),
            **amounts,
            currency=dice.choice((None, "EUR", "EUR", "USD")),
            term_months=dice.choice((None, 0, 12, 24, 36)),
            close_date=close,
            closed_won_at=dice.moment(0.3),
            contract_ref=contract if dice.chance(0.3) else None,
            created_at=dice.moment(0.5),
            updated_at=dice.moment(0.5),
        )


def _recorded(dice: Dice, portfolio: Portfolio, name: str) -> None:
    """Usage figures of earlier months, and the steps of a renewal and of a departure that people recorded."""
    for _ in range(dice.choice((0, 0, 1, 3))):
        figures = {one: dice.choice((0.0, -1.0)) if dice.chance(0.1) else dice.figure() for one in USED}
        portfolio.reading(name, read_on=dice.day(1, -150, 1), **figures)
    for share, keys in ((0.4, RENEWAL_STEPS), (0.8, DEPARTURE_STEPS)):
        for key in keys if dice.chance(share) else ():
            for _ in range(dice.choice((0, 1, 1, 1, 2))):
                portfolio.milestone(name, key=key, completed_on=dice.day(0.95, -220, 5))


def _past(dice: Dice, portfolio: Portfolio, name: str) -> None:
    """Earlier evaluations, each valid for a while, and the stages that they saw."""
    ages = sorted(dice.sample(range(1, 60), dice.choice((0, 1, 2, 4))), reverse=True)
    for age in ages:
        at = noon((TODAY - timedelta(days=age)).isoformat())
        score = round(dice.random() * 100, 1) if dice.chance(0.85) else None
        band = "unknown" if score is None else dice.choice(("green", "yellow", "red", "amber"))
        until = at + timedelta(days=dice.randint(0, age)) if dice.chance(0.6) else None
        portfolio.scored(at, score, band, name, until)
        stage = dice.choice(("pre_sale", "adoption", "growth_expansion", "implementation", "departed"))
        portfolio.staged(at, stage, dice.day(0.8, -400, -1), name)
