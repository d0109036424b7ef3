"""Touches: meetings and calls of the account's own people, which answer an alert.

A person is known in each CRM by another id; where the list of owners has an e-mail address, that says who it is.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from mapping.frames import AsOf

Person = Literal["csm", "owner"]
PEOPLE = {name: pl.String() for name in ("account_id", "connection", "csm_ref", "owner_ref")}
"""Who looks after an account, one row a record of it."""
OWNERS = {name: pl.String() for name in ("connection", "id", "email")}
"""The CRMs' lists of their users."""
_WHO = "·who"


def touches(
    meetings: pl.DataFrame, calls: pl.DataFrame, people: pl.DataFrame, owners: pl.DataFrame, at: AsOf
) -> pl.DataFrame:
    """One row (`account_id`, `person`, `at`, `touch`) for each meeting or call that took place, sorted by all of them.

    `person` says whose it was: `csm` is the customer-success manager or, where no record of the account names one, the
    owner; a touch of somebody who is both has two rows. `touch` names the record. No-shows, cancellations and what
    begins after `at` never count; what has no outcome took place once it has begun, as everywhere.
    """
    held = pl.concat([_held(meetings, "meeting", at), _held(calls, "call", at)])
    held = _known(held, "owner_ref", owners).drop("owner_ref")
    found = held.join(_persons(people, owners), on=["account_id", _WHO], how="inner")
    return found.select("account_id", "person", "at", "touch").unique().sort("account_id", "person", "at", "touch")


def _held(rows: pl.DataFrame, kind: str, at: AsOf) -> pl.DataFrame:
    there = (pl.col("starts_at") <= at.utc) & (pl.col("outcome").fill_null("completed") == "completed")
    name = pl.format("{} {}:{}", pl.lit(kind), "connection", "id")
    return rows.filter(there).select("account_id", "connection", "owner_ref", at="starts_at", touch=name)


def _persons(people: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """(`account_id`, who, `person`), each once."""
    named = pl.col("csm_ref").is_not_null().any().over("account_id")
    csm = people.with_columns(ref=pl.when(named).then("csm_ref").otherwise("owner_ref"), person=pl.lit("csm"))
    both = pl.concat([csm, people.with_columns(ref=pl.col("owner_ref"), person=pl.lit("owner"))])
    return _known(both, "ref", owners).select("account_id", _WHO, "person").unique()


def _known(rows: pl.DataFrame, ref: str, owners: pl.DataFrame) -> pl.DataFrame:
    """Rows whose `ref` names somebody, with who that is."""
    listed = owners.unique(["connection", "id"], keep="first", maintain_order=True)
    joined = rows.filter(pl.col(ref).is_not_null()).join(
        listed.rename({"id": ref}), on=["connection", ref], how="left", maintain_order="left"
    )
    email = pl.col("email").str.strip_chars().str.to_lowercase()
    return joined.with_columns(
        pl.coalesce(pl.when(email != "").then(email), pl.format("{}:{}", "connection", ref)).alias(_WHO)
    ).drop("email", "connection")
