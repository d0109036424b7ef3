"""What all tables have in common: one metadata, named constraints, a workspace."""

from __future__ import annotations

from sqlalchemy import Column, MetaData

from store.types import BIG_ID, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def key(*names: str) -> list[Column[str]]:
    """Return text columns of a primary key, the workspace first."""
    return [Column(name, Words(), primary_key=True) for name in ("workspace", *names)]


def serial() -> Column[int]:
    """Return a surrogate key that the database numbers."""
    return Column("id", BIG_ID, primary_key=True, autoincrement=True)


def words(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    """Return a text column."""
    return Column(name, Words(), nullable=null, default=default)
