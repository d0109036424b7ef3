"""Customers with the worst health come first, the lost ones last, and slices make no difference."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sync.report import AccountLine
from sync.top import MOST, merged

ROWS = [
    # account, score, band, renewal status
    ("lost", 3.0, "red", "churned"),
    ("prospect", 5.0, "red", "not_applicable"),
    ("fine", 91.0, "green", "not_due"),
    ("unsure", None, "unknown", "due"),
    ("worst", 12.0, "red", "not_due"),
    ("urgent", 30.0, "red", "overdue"),
    ("calm", 30.0, "red", "not_due"),
    ("middling", 61.0, "yellow", "on_track"),
]


def accounts(rows: Sequence[tuple[str, float | None, str | None, str | None]]) -> pl.DataFrame:
    columns = {
        "account_id": pl.String,
        "health_score": pl.Float64,
        "health_band": pl.String,
        "renewal_status": pl.String,
    }
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(
        name=pl.col("account_id"),
        segment=pl.lit("standard"),
        lifecycle_stage=pl.lit("adoption"),
        health_reasons=pl.lit("usage fell; no meetings"),
    )


def order(lines: list[AccountLine]) -> list[str]:
    return [line.account_id for line in lines]


def test_who_comes_first() -> None:
    expected = ["worst", "urgent", "calm", "middling", "fine", "unsure", "prospect", "lost"]
    lines = merged([], accounts(ROWS))
    assert order(lines) == expected
    assert lines[0].reason == "usage fell"
    assert order(merged(merged([], accounts(ROWS[:3])), accounts(ROWS[3:]))) == expected


def test_only_the_first_are_kept() -> None:
    many = [(f"a{number:03}", float(number), "red", "due") for number in range(50)]
    assert order(merged([], accounts(many))) == [f"a{number:03}" for number in range(MOST)]


def test_an_account_without_a_renewal_status_comes_behind_customers_also_in_a_long_list() -> None:
    customers = [(f"a{number:03}", 50.0, "yellow", "due") for number in range(MOST)]
    nobody = [(f"b{number:03}", 1.0, "red", None) for number in range(MOST)]
    assert order(merged([], accounts([*nobody, *customers]))) == [one[0] for one in customers]
