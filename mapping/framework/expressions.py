"""SQL expressions: parsed by Polars, checked against a schema before the first account is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl
from polars.exceptions import ColumnNotFoundError, PolarsError

Want = Literal["condition", "number", "date", "text", "number or text", "anything"]

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_FORBIDDEN = re.compile(
    r"\b(over|random|rand|now|current_date|current_time|current_timestamp|localtime|localtimestamp)\b", re.IGNORECASE
)
_MISSING = re.compile(r'unable to find column "([^"]+)"')
_PROBE_ROWS = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that fits its schema: how to compute it, the columns it names, the type it gives."""

    sql: str
    expr: pl.Expr
    inputs: tuple[str, ...]
    dtype: pl.DataType


class ExpressionError(ValueError):
    """An expression that cannot be used; the message says why and what to write instead."""


def check(sql: str, columns: Mapping[str, pl.DataType], want: Want, *, aggregate: bool = False) -> Checked:
    """Parse `sql` and prove on empty rows that it works on `columns` and gives what is wanted.

    `aggregate` wants one value for many rows, else one value a row. Raises `ExpressionError`.
    """
    forbidden = _FORBIDDEN.search(_QUOTED.sub("''", sql))
    if forbidden:
        raise ExpressionError(f"{forbidden[0]!r} may not be used: a result depends on the account and as_of only")
    try:
        expr = pl.sql_expr(sql)
        result = _probe(expr, columns, _PROBE_ROWS)
        constant = not expr.meta.root_names() and all(
            _probe(expr, columns, rows).to_list() == result.to_list() for rows in (0, 1)
        )
    except ColumnNotFoundError as problem:
        raise ExpressionError(_unknown_column(str(problem), columns)) from None
    except (PolarsError, TypeError, ValueError) as problem:
        raise ExpressionError(f"is not a valid SQL expression: {_first_line(problem)}") from None
    if aggregate and (result.len() != 1 or constant):
        raise ExpressionError("has to be an aggregate such as COUNT(*), SUM(x), AVG(x) or MAX(x)")
    if not aggregate and result.len() != _PROBE_ROWS and not constant:
        raise ExpressionError("is an aggregate; here a value for a single account is wanted")
    _check_type(result.dtype, want)
    return Checked(sql, expr, tuple(dict.fromkeys(expr.meta.root_names())), result.dtype)


def _probe(expr: pl.Expr, columns: Mapping[str, pl.DataType], rows: int) -> pl.Series:
    empty = pl.DataFrame({name: [None] * rows for name in columns}, schema=dict(columns))
    return empty.select(expr.alias("result"))["result"]


def _check_type(found: pl.DataType, want: Want) -> None:
    fits = {
        "condition": found == pl.Boolean,
        "number": found.is_numeric(),
        "date": found == pl.Date,
        "text": found == pl.String,
        "number or text": found.is_numeric() or found == pl.String,
        "anything": True,
    }[want]
    if not fits:
        raise ExpressionError(f"gives {_plain(found)}, but a {want} is wanted")


def _plain(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "a number"
    names = {pl.Boolean: "a condition", pl.String: "text", pl.Date: "a date", pl.Datetime: "an instant"}
    return next((name for kind, name in names.items() if dtype == kind), str(dtype))


def _unknown_column(message: str, columns: Mapping[str, pl.DataType]) -> str:
    found = _MISSING.search(message)
    name = found[1] if found else message
    near = difflib.get_close_matches(name, columns, n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no column {name!r} here{hint}"


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
