"""The renewals of the coming months: when they are, what they are worth, and how much of it is likely to stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from mapping.kpis.slice import months_before
from mapping.renewal.engine import AT_STAKE
from mapping.renewal.forecast import Odds, learned, open_terms, with_expected
from mapping.reports.document import Chart, Column, Document, Section, Series, Table, number, share
from mapping.reports.gathered import Gathered, amount, listed, money, total

AHEAD = 12
"""So many calendar months are looked at, the running one included."""
ROWS = 100_000
STATUS_ORDER = ("projected_churn", "overdue", "projected_downsell", "at_risk", "due", "on_track", "not_due")


def renewals(found: Gathered) -> Document:
    """Terms that end from now to the end of the twelfth month, and those that are overdue."""
    return found.document(
        "renewals",
        "Renewals",
        coming(found, AHEAD, ROWS),
        since=None,
    )


def coming(found: Gathered, months: int, rows: int) -> tuple[Section, ...]:
    """Forecast and calendar of the terms that end in the coming `months`."""
    odds = learned(found.decided)
    terms = with_expected(open_terms(found.terms), odds)
    terms = terms.filter(pl.col("end") <= _last_day(found.at.date, months)).sort(
        "end", "value", "account_id", "term_id", descending=[False, True, False, False], nulls_last=True
    )
    return _forecast(found, terms, months), _calendar(terms, rows), _odds(odds)


def _last_day(day: date, months: int) -> date:
    return months_before(day.replace(day=1), -months) - timedelta(days=1)


def _forecast(found: Gathered, terms: pl.DataFrame, months: int) -> Section:
    known = terms.filter(pl.col("value").is_not_null())
    unknown = terms.height - known.height
    due, expected = total(known, "value"), total(known, "expected")
    risky = known.filter(pl.col("status").is_in(AT_STAKE))
    labels, by_month = _months(found, months), _by_month(found, known)
    columns = (
        Column("month", "Month"),
        Column("terms", "Contracts", "count"),
        Column("due", "ARR due", "money"),
        Column("at_stake", "At stake", "money"),
        Column("expected", "Expected", "money"),
        Column("share", "Expected share", "share"),
    )
    rows = [_row(label, by_month.get(label, (0, 0, 0, 0))) for label in labels]
    return Section(
        "forecast",
        "Forecast",
        "Expected is the ARR of each contract times the probability of its renewal status.",
        figures=(
            amount(
                "due",
                "ARR that comes up",
                due,
                n=known.height,
                excluded=unknown,
                made_of="ARR of the contracts that end",
            ),
            amount(
                "expected",
                "Expected to stay",
                expected,
                n=known.height,
                excluded=unknown,
                of=due,
                made_of="ARR × probability, added up; part of the ARR that comes up",
            ),
            amount(
                "at_stake",
                "ARR at stake",
                total(risky, "value"),
                n=risky.height,
                excluded=unknown,
                of=due,
                made_of="ARR of contracts that are overdue, at risk or projected to shrink or churn",
            ),
            share(
                "started",
                "In good order",
                known.filter(pl.col("status").is_in(["on_track", "not_due"])).height,
                known.height,
                made_of="contracts on track or not due ÷ contracts that end",
                nothing="no contract ends in this time",
            ),
        ),
        charts=(
            Chart(
                "forecast",
                "ARR by the month in which it ends",
                "stacked",
                "money",
                labels,
                (
                    Series("Expected to stay", [money(by_month.get(one, (0, 0, 0, 0))[3]) for one in labels], "1"),
                    Series("Expected to go", [money(_gone(by_month, one)) for one in labels], "6"),
                ),
                "month",
            ),
        ),
        tables=(Table("months", "By month", columns, rows, len(rows)),),
    )


def _gone(by_month: Mapping[str, tuple[int, int, int, int]], month: str) -> int:
    _, due, _, expected = by_month.get(month, (0, 0, 0, 0))
    return due - expected


def _row(label: str, cells: tuple[int, int, int, int]) -> dict[str, object]:
    terms, due, stake, expected = cells
    part = share("", "", expected, due).value
    return {
        "month": label,
        "terms": terms,
        "due": money(due),
        "at_stake": money(stake),
        "expected": money(expected),
        "share": part,
    }


OVERDUE = "overdue"


def _months(found: Gathered, months: int) -> list[str]:
    first = found.at.date.replace(day=1)
    return [OVERDUE, *(f"{months_before(first, -ahead):%Y-%m}" for ahead in range(months))]


def _by_month(found: Gathered, terms: pl.DataFrame) -> dict[str, tuple[int, int, int, int]]:
    """Month → contracts, due, at stake, expected; what has ended and is not decided is overdue."""
    month = pl.when(pl.col("end") < found.at.date).then(pl.lit(OVERDUE)).otherwise(pl.col("end").dt.strftime("%Y-%m"))
    stake = pl.when(pl.col("status").is_in(AT_STAKE)).then("value").otherwise(pl.lit(0, dtype=pl.Int128))
    sums = terms.group_by(month=month).agg(
        terms=pl.len(), due=pl.col("value").sum(), stake=stake.sum(), expected=pl.col("expected").sum()
    )
    return {row[0]: row[1:] for row in sums.select("month", "terms", "due", "stake", "expected").iter_rows()}


def _calendar(terms: pl.DataFrame, rows: int) -> Section:
    columns = (
        Column("end", "Last day", "date"),
        Column("account", "Account"),
        Column("value", "ARR", "money"),
        Column("status", "Status", "word"),
        Column("sub_status", "Why", "word"),
        Column("band", "Health", "band"),
        Column("chance", "Probability", "share"),
        Column("expected", "Expected", "money"),
    )
    shown = terms.with_columns(chance=pl.col("chance") / 1_000_000, band=pl.col("band").fill_null("unknown"))
    cells = listed(shown, ("account_id", "term_id", *(one.id for one in columns)), rows, scaled=["value", "expected"])
    empty = "No contract ends in this time. A contract needs a last day: map `contract_end_at` or contracts."
    return Section(
        "calendar", "Calendar", tables=(Table("calendar", "Contracts", columns, cells, terms.height, empty),)
    )


def _odds(odds: Mapping[str, Odds]) -> Section:
    columns = (
        Column("status", "Status", "word"),
        Column("probability", "Probability", "share"),
        Column("default", "Default", "share"),
        Column("kept", "Renewed then", "count"),
        Column("n", "Decided", "count"),
    )
    rows = [
        {
            "status": name,
            "probability": number(odds[name].probability),
            "default": number(odds[name].default),
            "kept": odds[name].kept,
            "n": odds[name].n,
        }
        for name in STATUS_ORDER
    ]
    text = (
        "How many contracts with this status and at most three months to go were renewed in the last two years. The "
        "default counts as much as 20 of them."
    )
    return Section(
        "odds", "How likely a renewal is", text, tables=(Table("odds", "By status", columns, rows, len(rows)),)
    )
