"""Is the store sound? What `db check` and `doctor` ask before anything is trusted."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select, text

from store import address, audit, backfills, epochs, marks, schema
from store.cursors import cursor
from store.damage import damaged_rows
from store.database import Store, connect
from store.errors import StoreCorrupt, StoreError
from store.tables import audit_head, metadata
from store.tables import cursor as cursors
from store.tables import epoch as epoch_table
from store.tables import mark as marks_table


def check(url: str) -> list[str]:
    """Return what is wrong with the store, one sentence a finding; [] when it is sound.

    Reads everything once: takes seconds to minutes on a large store. Raises nothing for a store that cannot be
    opened: that is a finding as well.
    """
    try:
        place = address.parse(url)
        path = address.file_of(place)
        if path is not None:
            address.inspect_file(path)
        store = Store(connect(place), workspace="")
    except StoreError as error:
        return [str(error)]
    try:
        with store.read() as c:
            schema.require_current(c, store.where)
            found = [*_file_findings(c), *_schema_findings(c), *server_findings(c)]
            return found or damaged_rows(c) or [*_state_findings(c), *_audit_findings(c)]
    except StoreError as error:
        return [str(error)]
    finally:
        store.close()


def _file_findings(c: Connection) -> list[str]:
    if c.dialect.name != "sqlite":
        return []
    lines = list(c.execute(text("PRAGMA integrity_check(20)")).scalars())
    return [] if lines == ["ok"] else [f"The file is damaged: {line}. Restore it from a backup." for line in lines]


def _schema_findings(c: Connection) -> list[str]:
    """What the store lacks of the schema that it says it has: somebody changed it, or a copy was cut short."""
    there = inspect(c)
    names = set(there.get_table_names())
    hint = "Restore it from a backup."
    findings = [f"The table {name} is missing. {hint}" for name in metadata.tables if name not in names]
    for name in names & {*metadata.tables}:
        columns = {column["name"] for column in there.get_columns(name)}
        indexes = {index["name"] for index in there.get_indexes(name)}
        lost = [f"column {column.name}" for column in metadata.tables[name].columns if column.name not in columns]
        lost += [f"index {index.name}" for index in metadata.tables[name].indexes if index.name not in indexes]
        findings += [f"The table {name} has no {what}. {hint}" for what in sorted(lost)]
    return sorted(findings)


def _state_findings(c: Connection) -> list[str]:
    findings = []
    for ws, connection, stream in c.execute(select(cursors.c.workspace, cursors.c.connection, cursors.c.stream)):
        try:
            cursor(c, ws, connection, stream)
        except StoreCorrupt as error:
            findings.append(str(error))
    used = epoch_table.c.state != "abandoned"  # nothing is ever computed from those
    for epoch_id in c.execute(select(epoch_table.c.id).where(used).order_by(epoch_table.c.id)).scalars().all():
        try:
            epochs.get(c, epoch_id)
        except StoreCorrupt as error:
            findings.append(str(error))
    for ws, name in c.execute(select(marks_table.c.workspace, marks_table.c.name).order_by(*marks_table.primary_key)):
        try:
            marks.mark(c, ws, name)
        except StoreCorrupt as error:
            findings.append(str(error))
    return [*findings, *backfills.damaged(c)]


def _audit_findings(c: Connection) -> list[str]:
    workspaces = c.execute(select(audit_head.c.workspace)).scalars().all()
    return [finding for ws in workspaces for finding in audit.verify_chain(c, ws)]


_DURABLE = ("on", "remote_apply", "remote_write", "local")


def server_findings(c: Connection) -> list[str]:
    """What about the server makes its commits less than they promise; [] for SQLite."""
    if c.dialect.name != "postgresql":
        return []
    findings = []
    if c.execute(text("SHOW fsync")).scalar_one() != "on":
        findings.append("The server runs with fsync off: a power loss can lose or damage data. Switch it on.")
    if c.execute(text("SHOW full_page_writes")).scalar_one() != "on":
        findings.append("The server runs with full_page_writes off: a power loss can damage data. Switch it on.")
    # Keepwell asks for it in every session; what stands between, such as a pooler, may not pass that on.
    if c.execute(text("SHOW synchronous_commit")).scalar_one() not in _DURABLE:
        findings.append(
            "Commits are not waited for (synchronous_commit is off): a crash of the server loses what Keepwell takes "
            "for kept. Switch it on for this user or database."
        )
    return findings
