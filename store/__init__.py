"""The memory of Keepwell: what was pulled, computed, planned, written and learned, in SQLite or PostgreSQL."""

from store.database import Store, current, open_store, upgrade
from store.soundness import check

__all__ = ["Store", "check", "current", "open_store", "upgrade"]
