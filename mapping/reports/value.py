"""The annual value report: what customers got for their money, against what was agreed with them."""

from __future__ import annotations

import statistics
from datetime import timedelta

import polars as pl

from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table, count, number, share
from mapping.reports.gathered import Gathered, listed
from mapping.reports.revenue import ended, movement
from mapping.reports.usage import exact

PROMISES = (
    ("return", "Return", "roi_realised", "roi_target", "return realised ÷ return agreed as target"),
    ("goals", "Goals reached", "goals_achieved", "goals_agreed", "success-plan goals achieved ÷ goals agreed"),
    ("hours", "Hours saved", "hours_saved", "hours_saved_target", "hours saved ÷ hours agreed as target"),
)
"""id, label, what was reached, what was agreed, in words."""
ROWS = 10_000


def annual_value(found: Gathered) -> Document:
    """The twelve months that end with the day of the report; figures of value are the latest that a CRM has."""
    return found.document(
        "annual-value",
        "Annual value",
        (_value(found), _kept(found), movement(found), ended(found), _served(found)),
        since=found.since + timedelta(days=1),
        notes=("Value is what the CRMs hold now; they keep no earlier figures.",),
    )


def _value(found: Gathered) -> Section:
    """All customers together: what was reached of what was agreed."""
    figures = tuple(_reached(found.active, *one) for one in PROMISES)
    chart = Chart(
        "value",
        "Reached of what was agreed, all customers together",
        "bars",
        "share",
        [label for _, label, *_ in PROMISES],
        (Series("Reached", [one.value for one in figures]),),
        "what",
    )
    charts = (chart,) if any(one.value is not None for one in figures) else ()
    return Section("value", "Value", figures=figures, charts=charts)


def _reached(rows: pl.DataFrame, id_: str, label: str, got: str, agreed: str, made_of: str) -> Figure:
    known = rows.filter((pl.col(agreed) > 0) & pl.col(got).is_not_null())
    top, bottom = exact(known.get_column(got)), exact(known.get_column(agreed))
    n = known.height
    return Figure(
        id_,
        label,
        "share",
        number(top / bottom) if n else None,
        numerator=number(top),
        denominator=number(bottom),
        n=n,
        excluded_n=rows.height - n,
        status="reported" if n else "no_data",
        reason=None if n else "no customer has both what was reached and what was agreed",
        made_of=made_of,
    )


def _kept(found: Gathered) -> Section:
    """Customer by customer: who got what was agreed, and who did not."""
    rows = found.active.with_columns(**{f"·{id_}": _part(got, agreed) for id_, _, got, agreed, _ in PROMISES})
    parts = [f"·{id_}" for id_, *_ in PROMISES]
    known = rows.filter(pl.any_horizontal(pl.col(parts).is_not_null()))
    least = known.with_columns(least=pl.min_horizontal(parts))
    met = least.filter(pl.col("least") >= 1)
    each = tuple(
        share(
            f"{id_}_met",
            f"{label}: target met",
            rows.filter(pl.col(f"·{id_}") >= 1).height,
            rows.filter(pl.col(f"·{id_}").is_not_null()).height,
            excluded=rows.get_column(f"·{id_}").null_count(),
            made_of="customers who met it ÷ customers it is known of",
            nothing="it is known of no customer",
        )
        for id_, label, *_ in PROMISES
    )
    every = share(
        "all_met",
        "Everything that was agreed",
        met.height,
        known.height,
        excluded=rows.height - known.height,
        made_of="customers who met all targets that are known ÷ customers with one that is known",
        nothing="no customer has a target that is known",
    )
    behind = least.filter(pl.col("least") < 1).sort("arr", "account_id", descending=[True, False], nulls_last=True)
    ahead = met.sort("arr", "account_id", descending=[True, False], nulls_last=True)
    return Section(
        "customers",
        "Customer by customer",
        figures=(every, *each),
        tables=(
            _table("behind", "Short of what was agreed, most revenue first", behind, "No customer is short of it."),
            _table("ahead", "Everything reached, most revenue first", ahead, "No customer reached everything."),
        ),
    )


def _part(got: str, agreed: str) -> pl.Expr:
    return pl.when(pl.col(agreed) > 0).then(pl.col(got) / pl.col(agreed))


def _table(id_: str, title: str, rows: pl.DataFrame, empty: str) -> Table:
    named = rows.rename({f"·{one}": one for one, *_ in PROMISES})
    columns = (
        Column("account", "Account"),
        Column("segment", "Segment", "word"),
        Column("arr", "ARR", "money"),
        *(Column(one, label, "share") for one, label, *_ in PROMISES),
        Column("value_as_of", "As of", "date"),
    )
    cells = listed(named, ("account_id", *(one.id for one in columns)), ROWS, scaled=["arr"])
    return Table(id_, title, columns, cells, rows.height, empty)


def _served(found: Gathered) -> Section:
    """What was done for customers in the period."""
    since, until = found.moment(found.since), found.at.utc
    customers = found.active.select("account_id")

    def within(rows: pl.DataFrame, column: str) -> pl.DataFrame:
        here = rows.filter((pl.col(column) > since) & (pl.col(column) <= until))
        return here.join(customers, on="account_id", how="semi")

    held, opened, closed = (
        within(rows, column)
        for rows, column in ((found.meetings, "starts_at"), (found.tickets, "created_at"), (found.tickets, "closed_at"))
    )
    took = (closed.get_column("closed_at") - closed.get_column("created_at")).dt.total_seconds().drop_nulls()
    middle = statistics.median(took.to_list()) if took.len() else None
    met = held.get_column("account_id").n_unique()
    return Section(
        "served",
        "What was done for them",
        figures=(
            share(
                "met",
                "Customers met",
                met,
                customers.height,
                made_of="customers with a meeting that took place ÷ customers",
                nothing="there are no customers",
            ),
            count("meetings", "Meetings held", held.height, made_of="meetings that took place"),
            count("opened", "Tickets opened", opened.height, made_of="tickets of customers"),
            count("closed", "Tickets closed", closed.height, made_of="tickets of customers"),
            Figure(
                "resolution",
                "Median time to close",
                "hours",
                None if middle is None else round(middle / 3600, 6),
                n=took.len(),
                status="no_data" if middle is None else "reported",
                reason="no ticket was closed in the period" if middle is None else None,
                made_of="median hours from opened to closed",
            ),
        ),
    )
