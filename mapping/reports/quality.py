"""What is known of the accounts: how much of each score is there, and what is missing."""

from __future__ import annotations

import polars as pl

from mapping.reports import watch
from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table, number, share
from mapping.reports.gathered import Gathered, listed
from mapping.reports.usage import exact

ROWS = 10_000
STEPS = ((0, 50), (50, 75), (75, 90), (90, 100), (100, 101))
"""Coverage in percent, from the first number on to below the second."""


def data_quality(found: Gathered) -> Document:
    """How things stand on the day of the report; only customers count."""
    return found.document(
        "data-quality", "Data quality", (_coverage(found), watch.unknown(found), _lacking(found)), since=None
    )


def _coverage(found: Gathered) -> Section:
    known = found.active.get_column("coverage").fill_null(0)
    top, n = exact(known) / 100, known.len()
    labels = ["100 %" if low == 100 else f"{low} to {high - 1} %" for low, high in STEPS]
    numbers = [int(((known >= low) & (known < high)).sum()) for low, high in STEPS]
    bare = int(found.active.get_column("score").null_count())
    mean = Figure(
        "coverage", "Mean coverage", "share", number(top / n) if n else None,
        numerator=number(top), denominator=n, n=n, status="reported" if n else "no_data",
        reason=None if n else "there are no customers", made_of="mean weight of the metrics that are known",
    )  # fmt: skip
    return Section(
        "known", "How much of the scores is known", "Below the framework's least coverage an account has no score.",
        figures=(mean, share("unscored", "Without a score", bare, n, nothing="there are no customers",
                             made_of="customers without a score ÷ customers")),
        charts=(Chart("coverage", "Customers by coverage", "bars", "count", labels, (Series("Customers", numbers),),
                      "coverage"),) if n else (),
    )  # fmt: skip


def _lacking(found: Gathered) -> Section:
    """Customers that lack what every framework asks for."""
    rows = found.active.with_columns(
        no_end=pl.col("contract_ends_on").is_null(), no_arr=pl.col("arr").is_null(), no_owner=pl.col("owner").is_null()
    )
    parts = (("no_end", "No contract end"), ("no_arr", "Revenue not known"), ("no_owner", "Nobody looks after it"))
    figures = tuple(
        share(name, label, int(rows.get_column(name).sum()), rows.height, made_of="customers ÷ all customers",
              nothing="there are no customers")
        for name, label in parts
    )  # fmt: skip
    lacks = [pl.when(name).then(pl.lit(label)) for name, label in parts]
    worst = rows.filter(pl.any_horizontal(name for name, _ in parts)).with_columns(
        lacks=pl.concat_str(lacks, separator=", ", ignore_nulls=True)
    )
    worst = worst.sort("arr", "account_id", descending=[True, False], nulls_last=True)
    columns = (Column("account", "Account"), Column("segment", "Segment", "word"), Column("arr", "ARR", "money"),
               Column("lacks", "Lacks"))  # fmt: skip
    cells = listed(worst, ("account_id", *(one.id for one in columns)), ROWS, scaled=["arr"])
    table = Table("lacking", "Accounts, most revenue first", columns, cells, worst.height, "Nothing is lacking.")
    return Section("lacking", "What to enter in the CRM", figures=figures, tables=(table,))
