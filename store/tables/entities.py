"""The unified model: one typed table an entity of `mapping.records.ENTITIES`, and who is who across CRMs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, Integer, Table
from sqlalchemy.types import TypeEngine

from mapping.records import ENTITIES, FieldType
from store.tables.base import key, metadata, serial, words
from store.types import Instant, Json, Money, Words

COLUMN_TYPES: Mapping[FieldType, type[TypeEngine[Any]]] = MappingProxyType(
    {
        FieldType.TEXT: Words,
        FieldType.REF: Words,
        FieldType.INT: BigInteger,
        FieldType.NUMBER: Double,
        FieldType.MONEY: Money,
        FieldType.BOOL: Boolean,
        FieldType.DATE: Date,
        FieldType.INSTANT: Instant,
    }
)

PARENT_REFS = ("account_ref", "meeting_ref")
"""Fields by which the children of an account are found."""


def _found_by(entity: str) -> list[str]:
    """Columns by which an account's rows are looked up; an account itself by its id, whatever its stream, or parent."""
    own = ["id", "parent_ref"] if entity == "account" else []
    return [*own, *(field.name for field in ENTITIES[entity] if field.name in PARENT_REFS)]


def _entity_table(entity: str) -> Table:
    fields = ENTITIES[entity]
    columns = [Column(field.name, COLUMN_TYPES[field.type]()) for field in fields]
    indexes = [Index(f"ix_entity_{entity}_{name}", "workspace", "connection", name) for name in _found_by(entity)]
    return Table(f"entity_{entity}", metadata, *key("connection", "stream", "id"), *columns, *indexes)


ENTITY_TABLES: Mapping[str, Table] = MappingProxyType({entity: _entity_table(entity) for entity in ENTITIES})

account_link = Table(
    "account_link",
    metadata,
    *key("connection", "object", "crm_id"),
    words("account_id"),
    words("how"),
    Column("writable", Boolean(), nullable=False),
    Column("linked_at", Instant(), nullable=False),
    Index("ix_account_link_account_id", "workspace", "account_id"),
)

identity_review = Table(
    "identity_review",
    metadata,
    serial(),
    words("workspace"),
    Column("position", Integer(), nullable=False),
    words("kind"),
    Column("refs", Json(), nullable=False),
    words("reason"),
    Column("found_at", Instant(), nullable=False),
    Index("ix_identity_review_workspace", "workspace", "position"),
)

# What people decided about who is who. Rows are never deleted: one that was taken back says when.
identity_decision = Table(
    "identity_decision",
    metadata,
    *key("id"),
    words("kind"),
    Column("refs", Json(), nullable=False),
    words("reason"),
    Column("made_at", Instant(), nullable=False),
    Column("taken_back_at", Instant()),
)
