"""Small portfolios for tests: records written as keyword arguments, evaluated with a shipped framework."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from mapping import schema
from mapping.engine import Evaluation, evaluate
from mapping.frames import AsOf, Frames
from mapping.framework import Framework, load_framework
from mapping.rates import Rates

FRAMEWORKS = Path(__file__).parents[3] / "config" / "frameworks"
CONNECTED = {"has_deals": True, "has_tickets": True, "has_meetings": True, "has_usage": True}


def shipped(name: str = "cradle_to_grave") -> dict[str, Any]:
    """The parsed file of a shipped framework, free to be changed."""
    return dict(yaml.safe_load((FRAMEWORKS / f"{name}.yaml").read_text(encoding="utf-8")))


@cache
def f4() -> Framework:
    """The shipped cradle-to-grave framework."""
    return load_framework(shipped(), "cradle_to_grave")


def day(text: str) -> date:
    return date.fromisoformat(text)


def noon(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


class Portfolio:
    """Collects records, then evaluates them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {
            name: []
            for name in (
                "account",
                "deal",
                "ticket",
                "meeting",
                "attendance",
                "contract",
                "call",
                "survey",
                "milestone",
                "reading",
            )
        }
        self.history: list[dict[str, Any]] = []
        self.stage_history: list[dict[str, Any]] = []
        self.rates: Rates | None = None

    def account(self, account_id: str = "a", **fields: Any) -> Portfolio:
        self.rows["account"].append({"account_id": account_id, **CONNECTED, **_typed(fields)})
        return self

    def deal(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("deal", account_id, fields)

    def ticket(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("ticket", account_id, fields)

    def contract(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("contract", account_id, fields)

    def call(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("call", account_id, fields)

    def survey(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("survey", account_id, fields)

    def reached(self, account_id: str = "a", **days: Any) -> Portfolio:
        for key, completed_on in days.items():
            self._child("milestone", account_id, {"key": key, "completed_on": completed_on})
        return self

    def due(self, account_id: str = "a", **days: Any) -> Portfolio:
        for key, due_on in days.items():
            self._child("milestone", account_id, {"key": key, "due_on": due_on})
        return self

    def milestone(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("milestone", account_id, fields)

    def reading(self, account_id: str = "a", **fields: Any) -> Portfolio:
        return self._child("reading", account_id, fields)

    def meeting(self, account_id: str = "a", contacts: tuple[str, ...] = (), **fields: Any) -> Portfolio:
        self._child("meeting", account_id, fields)
        meeting_id = self.rows["meeting"][-1]["id"]
        for contact in contacts:
            self._child("attendance", account_id, {"meeting_ref": meeting_id, "contact_ref": contact})
        return self

    def scored(
        self, at: datetime, score: float | None, band: str, account_id: str = "a", until: datetime | None = None
    ) -> Portfolio:
        self.history.append({"account_id": account_id, "at": at, "until": until, "score": score, "band": band})
        return self

    def staged(self, at: datetime, stage: str, entered_on: date | None, account_id: str = "a") -> Portfolio:
        self.stage_history.append({"account_id": account_id, "at": at, "stage": stage, "entered_on": entered_on})
        return self

    def frames(self) -> Frames:
        frame = {
            name: pl.DataFrame(rows, schema=_whole(schema.child_schema(name)), orient="row")
            for name, rows in self.rows.items()
            if name != "account"
        }
        return Frames(
            accounts=pl.DataFrame(self.rows["account"], schema=schema.account_schema(), orient="row"),
            deals=frame["deal"],
            tickets=frame["ticket"],
            meetings=frame["meeting"],
            attendances=frame["attendance"],
            contracts=frame["contract"],
            calls=frame["call"],
            surveys=frame["survey"],
            milestones=frame["milestone"],
            readings=frame["reading"],
            history=pl.DataFrame(self.history, schema=dict(schema.HISTORY), orient="row"),
            stage_history=pl.DataFrame(self.stage_history, schema=dict(schema.STAGE_HISTORY), orient="row"),
            rates=self.rates,
        )

    def on(self, when: str | datetime, framework: Framework | None = None, zone: str = "UTC") -> Result:
        instant = noon(when) if isinstance(when, str) else when
        return Result(evaluate(self.frames(), framework or f4(), AsOf(instant, zone)))

    def _child(self, entity: str, account_id: str, fields: dict[str, Any]) -> Portfolio:
        rows = self.rows[entity]
        defaults = {"account_id": account_id, "connection": "crm", "id": f"{entity}{len(rows)}", "stream": f"{entity}s"}
        rows.append({**defaults, **_typed(fields)})
        return self


class Result:
    """An evaluation, read account by account."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.rows = {row["account_id"]: row for row in evaluation.frame.iter_rows(named=True)}

    def __getitem__(self, column: str) -> Any:
        return self.rows["a"][column]

    def detail(self, account_id: str = "a") -> dict[str, Any]:
        return dict(self.evaluation.details([account_id]))[account_id]

    def alerts(self, account_id: str = "a") -> set[str]:
        return {alert["id"] for alert in self.detail(account_id)["alerts"]}


def healthy(portfolio: Portfolio, on: str = "2025-11-10", account_id: str = "a", **changes: Any) -> Portfolio:
    """An account with the figures of worked example 1, as of `on`; `changes` are account fields."""
    figures: dict[str, Any] = {
        "logins_per_user_week": 2.0,
        "features_used": 65.0,
        "features_licensed": 100.0,
        "data_volume": 90.0,
        "data_volume_contracted": 100.0,
        "roi_realised": 0.8,
        "roi_target": 1.0,
        "goals_achieved": 3.0,
        "goals_agreed": 4.0,
        "hours_saved": 1.2,
        "hours_saved_target": 1.0,
        "expansion_discussions": 1.0,
        "reference_status": "willing",
    }
    portfolio.account(account_id, **{**figures, **changes})
    recent = noon(on) - timedelta(days=10)
    portfolio.meeting(account_id, ("anna", "ben"), starts_at=recent, outcome="completed")
    for _ in range(4):
        portfolio.meeting(account_id, ("anna",), starts_at=recent, outcome="completed")
    portfolio.meeting(account_id, ("carl",), starts_at=recent, outcome="no_show")
    portfolio.ticket(account_id, created_at=recent, closed_at=recent, sentiment=0.2, category="Feature Request")
    portfolio.ticket(account_id, created_at=recent, closed_at=recent, category="feature_request")
    return portfolio


def excellent(portfolio: Portfolio, account_id: str = "a", **fields: Any) -> Portfolio:
    """An account that is green whatever the day: usage and value are at their targets, nothing else is connected."""
    figures = dict.fromkeys(
        (
            "logins_per_user_week",
            "features_used",
            "features_licensed",
            "data_volume",
            "data_volume_contracted",
            "roi_realised",
            "roi_target",
            "goals_achieved",
            "goals_agreed",
            "hours_saved",
            "hours_saved_target",
        ),
        5.0,
    )
    silent = {"has_tickets": False, "has_meetings": False, "has_deals": False}
    return portfolio.account(account_id, **{**figures, **silent, **fields})


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """Texts become dates, and numbers money, where the field is one."""
    typed: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, str) and len(value) == 10 and value[4:5] == "-":
            typed[name] = noon(value) if name in _INSTANTS else day(value)
        elif name in ("arr", "acv", "tcv", "amount", "delivery_budget", "delivery_cost") and value is not None:
            typed[name] = Decimal(str(value))
        else:
            typed[name] = value
    return typed


_INSTANTS = {
    "closed_won_at",
    "created_at",
    "updated_at",
    "starts_at",
    "ends_at",
    "closed_at",
    "first_reply_at",
    "answered_at",
    "csm_assigned_at",
}


def _whole(columns: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    return {name: columns[name] for name in columns}


__all__ = ["UTC", "Portfolio", "Result", "day", "excellent", "f4", "healthy", "noon", "shipped"]
