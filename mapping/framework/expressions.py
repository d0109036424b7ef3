"""SQL expressions: parsed by Polars, checked against a schema before the first account is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import polars as pl
from polars.exceptions import PolarsError

from mapping.framework.columns import LATER
from mapping.spelling import did_you_mean

Want = Literal["condition", "number", "date", "date or instant", "text", "number or text", "anything"]

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_FORBIDDEN = re.compile(
    r"\b(over|row_number|columns|random|rand|now|current_date|current_time|current_timestamp|localtime|localtimestamp)\b",
    re.IGNORECASE,
)
_ANY = "·any"
"""A column for expressions that name none: rows need something to be rows of."""
_PROBE_ROWS = 3
_SAMPLES = {
    pl.String: "x", pl.Boolean: True, pl.Date: date(2025, 1, 2), pl.Datetime: datetime(2025, 1, 2, 3, tzinfo=UTC),
    pl.Decimal: Decimal(1), pl.Float64: 1.0,
}  # fmt: skip
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that fits its schema: how to compute it, the columns it names, the type it gives."""

    sql: str
    expr: pl.Expr
    inputs: tuple[str, ...]
    dtype: pl.DataType


class ExpressionError(ValueError):
    """An expression that cannot be used; the message says why and what to write instead."""


def check(
    sql: str, columns: Mapping[str, pl.DataType], want: Want, *, aggregate: bool = False, facts: Collection[str] = ()
) -> Checked:
    """Parse `sql` and prove on sample rows that it works on `columns` and gives what is wanted.

    `aggregate` wants one value for many rows, else one value a row; `facts` are the framework's, whether they are
    among the columns yet or not. Raises `ExpressionError`.
    """
    forbidden = _FORBIDDEN.search(_QUOTED.sub("''", sql))
    if forbidden:
        raise ExpressionError(f"{forbidden[0]!r} may not be used: a result depends on the account and as_of only")
    try:
        expr = pl.sql_expr(sql)
        named = tuple(dict.fromkeys(expr.meta.root_names()))
    except (PolarsError, TypeError, ValueError) as problem:
        raise _invalid(problem) from None
    for name in named:
        if name not in columns:
            raise ExpressionError(_unknown_column(name, columns, facts))
    schema = {name: columns[name] for name in named} or {_ANY: pl.Null()}
    try:
        result = _probe(expr, schema, _PROBE_ROWS)
        constant = not named and all(_probe(expr, schema, rows).to_list() == result.to_list() for rows in (0, 1))
    except (PolarsError, TypeError, ValueError) as problem:
        raise _invalid(problem) from None
    if aggregate and (result.len() != 1 or constant):
        raise ExpressionError("has to be an aggregate such as COUNT(*), SUM(x), AVG(x) or MAX(x)")
    if not aggregate and result.len() != _PROBE_ROWS and not constant:
        raise ExpressionError("is an aggregate; here a value for a single account is wanted")
    _check_type(result.dtype, want)
    return Checked(sql, expr, named, result.dtype)


def _probe(expr: pl.Expr, schema: Mapping[str, pl.DataType], rows: int) -> pl.Series:
    """What `expr` gives for so many rows of the columns that it names: one row with values, the others without."""
    filled = {
        name: [_SAMPLES.get(type(dtype), None if dtype == pl.Null else 1), *[None] * (rows - 1)][:rows]
        for name, dtype in schema.items()
    }
    return pl.DataFrame(filled, schema=dict(schema)).select(expr.alias("result"))["result"]


def _check_type(found: pl.DataType, want: Want) -> None:
    fits = {
        "condition": found == pl.Boolean,
        "number": found.is_numeric(),
        "date": found == pl.Date,
        "date or instant": found in (pl.Date, pl.Datetime),
        "text": found == pl.String,
        "number or text": found.is_numeric() or found == pl.String,
        "anything": True,
    }[want]
    if not fits:
        raise ExpressionError(f"gives {_plain(found)}, but a {want} is wanted")


def _plain(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "a number"
    names = {
        pl.Boolean: "a condition", pl.String: "text", pl.Date: "a date", pl.Datetime: "an instant", pl.Null: "nothing",
    }  # fmt: skip
    return next((name for kind, name in names.items() if dtype == kind), str(dtype))


def _unknown_column(name: str, columns: Mapping[str, pl.DataType], facts: Collection[str]) -> str:
    if name in facts:
        return f"{name!r} is a fact that is not computed yet at this point: facts are, in their order, after milestones"
    if name in LATER:
        return f"{name!r} is not computed yet at this point"
    return f"there is no column {name!r} here{did_you_mean(name, columns, most=2)}"


def _invalid(problem: Exception) -> ExpressionError:
    return ExpressionError(f"is not a valid SQL expression: {_first_line(problem)}")


def _first_line(problem: Exception) -> str:
    line = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    if "native python" in line:
        line = "a date cannot be compared with a text; write DATE '2026-01-02'"
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"
