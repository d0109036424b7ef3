"""Polars types of the unified model, shared by whoever builds frames and by the framework checks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from mapping.records import ENTITIES, FieldType

MONEY = pl.Decimal(38, 6)
INSTANT = pl.Datetime("us", "UTC")

DTYPES: Mapping[FieldType, pl.DataType] = MappingProxyType(
    {
        FieldType.TEXT: pl.String(),
        FieldType.REF: pl.String(),
        FieldType.INT: pl.Int64(),
        FieldType.NUMBER: pl.Float64(),
        FieldType.MONEY: MONEY,
        FieldType.BOOL: pl.Boolean(),
        FieldType.DATE: pl.Date(),
        FieldType.INSTANT: INSTANT,
    }
)
"""Column type of each unified field type."""

FEEDS = ("has_deals", "has_tickets", "has_meetings", "has_calls", "has_surveys", "has_usage")
"""Per account: whether a source of that kind is connected, so that "none" can be told from "not known"."""

KEYS: Mapping[str, pl.DataType] = MappingProxyType(
    {"account_id": pl.String(), "connection": pl.String(), "id": pl.String(), "stream": pl.String()}
)


def entity_schema(entity: str) -> dict[str, pl.DataType]:
    """Columns of one entity's fields, in storage order."""
    return {item.name: DTYPES[item.type] for item in ENTITIES[entity]}


def account_schema() -> dict[str, pl.DataType]:
    """Columns of the merged account frame: `account_id`, the account fields, the feed flags, `not_connected`.

    `not_connected` lists the unified fields for which no connected CRM of this account has a property.
    """
    return {
        "account_id": pl.String(),
        **entity_schema("account"),
        **{name: pl.Boolean() for name in FEEDS},
        "not_connected": pl.List(pl.String()),
    }


def child_schema(entity: str) -> dict[str, pl.DataType]:
    """Columns of a child frame: keys, then the entity's fields."""
    return {**KEYS, **entity_schema(entity)}


HISTORY: Mapping[str, pl.DataType] = MappingProxyType(
    {"account_id": pl.String(), "at": INSTANT, "until": INSTANT, "score": pl.Float64(), "band": pl.String()}
)
"""Earlier evaluations: valid from `at` to `until` (the last run that found the same), null `until` = `at` only."""

STAGE_HISTORY: Mapping[str, pl.DataType] = MappingProxyType(
    {"account_id": pl.String(), "at": INSTANT, "stage": pl.String(), "entered_on": pl.Date()}
)
"""Earlier lifecycle stages: seen at `at`, with the entry date that was reported then."""


def conform(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """`frame` with exactly the columns of `schema`: missing ones null, others dropped, types cast."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def empty(schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A frame with the columns of `schema` and no rows."""
    return pl.DataFrame(schema=dict(schema))
