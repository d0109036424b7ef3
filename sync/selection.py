"""`--select`: which accounts a plan may touch.

Three forms, told apart by their shape: a domain (`example.com`), an account or CRM id (`hubspot:123`, `123`), or a
SQL condition over the account's fields and computed values (`segment = 'enterprise' AND health_score < 60`). The
short form `segment=enterprise` is the condition with its quotes left out.
"""

from __future__ import annotations

import re

import polars as pl

from sync.errors import UsageError

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}", re.IGNORECASE)
_ID = re.compile(r"([a-z][a-z0-9_]*:)?[A-Za-z0-9]{1,40}")
_PAIR = re.compile(r"([a-z][a-z0-9_]*)=([\w.\- ]+)")


class Selection:
    """Accounts that a text selects, found slice by slice."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._found: set[str] = set()

    def look(self, accounts: pl.DataFrame) -> None:
        """Look through a slice with `account_id`, `crm_ids`, the account's fields and its computed values.

        Raises `UsageError` for a condition that cannot be read.
        """
        chosen = accounts.filter(_chosen(accounts, self._text))
        self._found.update(chosen.get_column("account_id").to_list())

    def found(self) -> frozenset[str]:
        """Ids of the selected accounts; raises `UsageError` when there is none."""
        if not self._found:
            raise UsageError(
                f"--select {self._text!r} selects no account.", hint="Look at the values with `keepwell explain`."
            )
        return frozenset(self._found)


def _chosen(accounts: pl.DataFrame, text: str) -> pl.Expr:
    pair = _PAIR.fullmatch(text)
    if pair is not None:
        _known(accounts, pair[1])
        return pl.col(pair[1]).cast(pl.String) == pair[2].strip()
    if _ID.fullmatch(text):
        return (pl.col("account_id") == text) | pl.col("crm_ids").list.contains(text)
    if _DOMAIN.fullmatch(text):
        return pl.col("domain") == text.lower()
    return _condition(accounts, text)


def _known(accounts: pl.DataFrame, name: str) -> None:
    if name not in accounts.columns:
        raise UsageError(
            f"--select: accounts have no field {name!r}.", hint=f"They have {', '.join(sorted(accounts.columns))}."
        )


def _condition(accounts: pl.DataFrame, text: str) -> pl.Expr:
    try:
        condition = pl.sql_expr(text)
        kind = accounts.lazy().select(condition.alias("selected")).collect_schema()["selected"]
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise UsageError(
            f"--select {text!r} cannot be read: {error}",
            hint="Write a domain, an id, field=value, or a SQL condition such as \"segment = 'enterprise'\".",
        ) from error
    if kind != pl.Boolean:
        raise UsageError(f"--select {text!r} is not a condition: it gives {kind}.", hint="Compare with something.")
    return condition
