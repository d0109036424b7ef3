"""What must not come back: digests of people and records that were forgotten, never what they stand for."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from store.tables.base import key, metadata, words
from store.types import Instant

forgotten = Table(
    "forgotten",
    metadata,
    *key("kind", "digest"),
    Column("words", Integer(), nullable=False),
    # The same in all rows of a workspace.
    words("salt"),
    Column("made_at", Instant(), nullable=False),
)
