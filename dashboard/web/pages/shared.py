"""Models that several pages have: an account in a list, an alert, a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from dashboard.web.charts import Tone
from dashboard.web.page import Look, View
from store.browsing import Place
from store.runs import Run

BANDS: tuple[Tone, ...] = ("green", "yellow", "red", "unknown")


class AccountLine(View):
    """An account as lists show it; scores and changes are in points, `coverage` in percent."""

    account_id: str
    name: str
    domain: str | None
    band: str
    band_label: str
    score: float | None
    change: float | None
    coverage: float | None
    stage: str | None
    stage_label: str | None
    segment: str | None
    segment_label: str | None
    renewal_status: str | None
    renewal_label: str | None
    person: str | None
    arr: float | None
    currency: str | None
    reason: str | None
    alerts: int


class RunLine(View):
    """How a run stands; `status` is `running` until it ended."""

    run_id: str
    command: str
    status: str
    reason: str | None
    started_at: datetime
    finished_at: datetime | None


def run_line(run: Run) -> RunLine:
    """A run of the store."""
    return RunLine(
        run_id=run.id,
        command=run.command,
        status=run.status,
        reason=run.reason,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def account_line(look: Look, row: Mapping[str, Any], alerts: Mapping[str, int]) -> AccountLine:
    """An account of the listing; `alerts` is account id → how many stand on it."""
    reasons = row["reasons"]
    return AccountLine(
        account_id=row["account_id"],
        name=row["name"],
        domain=row["domain"],
        band=row["band"],
        band_label=band_label(look, row["band"]),
        score=row["score"],
        change=row["change"],
        coverage=row["coverage"],
        stage=row["stage"],
        stage_label=label(look, "lifecycle_stage", row["stage"]),
        segment=row["segment"],
        segment_label=label(look, "segment", row["segment"]),
        renewal_status=row["renewal_status"],
        renewal_label=label(look, "renewal_status", row["renewal_status"]),
        person=row["person"],
        arr=row["arr"],
        currency=row["currency"],
        reason=reasons.split("; ")[0] if reasons else None,
        alerts=alerts.get(row["account_id"], 0),
    )


def label(look: Look, column: str, value: str | None) -> str | None:
    """What the framework calls a value."""
    return None if value is None else cast("str", look.words.label(column, value))


def band_label(look: Look, band: str) -> str:
    """What the framework calls a band."""
    labels = {one.id: one.label for one in look.framework.spec.score.bands}
    return labels.get(band) or band.replace("_", " ").capitalize()


def bands_of(look: Look) -> list[tuple[str, str]]:
    """Id and label of every band, the best first, `unknown` last."""
    ids = [one.id for one in look.framework.spec.score.bands]
    return [(one, band_label(look, one)) for one in (*ids, "unknown")]


def tone(band: str, place: int) -> Tone:
    """The colour of a band; one that only this framework has gets the next of the palette."""
    return band if band in BANDS else cast("Tone", str(1 + place % 6))


def place_text(place: Place) -> str:
    """A record as a parameter: `hubspot/companies/4711`."""
    return "/".join(place)


def after_place(text: str) -> Place | None:
    """The record that a parameter names; an id may have slashes in it, the other two have none. None: no record."""
    connection, _, rest = text.partition("/")
    object_name, slash, record_id = rest.partition("/")
    return (connection, object_name, record_id) if slash else None
