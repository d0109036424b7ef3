"""Which schema a store has, and how it gets the one that this version needs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from store.errors import MAKE_IT, StoreMissing, StoreNewer, StoreOld, StoreUnusable

REVISIONS = (
    "0001_initial",
    "0002_entities",
    "0003_activities",
    "0004_backfill",
    "0005_repair",
    "0006_checksums",
    "0007_milestones",
    "0008_adoption",
    "0009_identity_decisions",
    "0010_parents",
    "0011_alerts",
    "0012_blocks",
    "0013_readings",
    "0014_external_score",
    "0015_alert_tasks",
    "0016_sponsor",
    "0019_notifications",
    "0020_timeline_entries",
    "0021_forgotten",
)
"""Every schema revision in order; kept here so that opening a store does not load the migration machinery."""

MIGRATIONS = Path(__file__).parent / "migrations"
_UPGRADE_LOCK = 4_807_526_976  # any number, the same for every process: one upgrade at a time on a server


def revision(connection: Connection) -> str | None:
    """Return the revision that the store says it has."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def is_empty(connection: Connection) -> bool:
    """Tell whether the database has no tables at all."""
    return not inspect(connection).get_table_names()


def require_current(connection: Connection, where: str) -> None:
    """Raise StoreMissing, StoreOld, StoreNewer or StoreUnusable unless the store has the schema of this version."""
    found = revision(connection)
    if found is None and is_empty(connection):
        raise StoreMissing(f"The store {where} is empty.", MAKE_IT)
    if found is None:
        raise not_ours(where)
    refuse_newer(found, where)
    if found != REVISIONS[-1]:
        hint = "Run `keepwell db upgrade`."
        raise StoreOld(f"The store {where} has the schema {found}, this version needs {REVISIONS[-1]}.", hint)


def not_ours(where: str) -> StoreUnusable:
    """Return the error for a database that has tables but not our mark."""
    hint = "Point `store` to an empty database."
    return StoreUnusable(f"The database {where} holds tables of something else.", hint)


def refuse_newer(found: str | None, where: str) -> None:
    """Raise StoreNewer when a later version than this one made the store."""
    if found is not None and found not in REVISIONS:
        hint = "Install the version of Keepwell that made it, or a later one."
        raise StoreNewer(f"The store {where} has the schema {found}, which this version does not know.", hint)


def migrate(connection: Connection) -> str:
    """Run the missing migrations inside the caller's transaction and return the revision reached."""
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return REVISIONS[-1]
