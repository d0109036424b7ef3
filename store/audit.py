"""The audit chain: one entry a request and one an outcome, each sealed with the hash of the one before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, insert, select, update

from store.sql import CHUNK, its, upsert
from store.tables import audit, audit_head
from store.types import clean_text, dump_json, to_micros

_A = audit.c
_START = "0" * 64
_HEAD = select(audit_head).where(its(audit_head.c.workspace))
_LOCKED_HEAD = _HEAD.with_for_update()
_MOVE_HEAD = update(audit_head).where(its(audit_head.c.workspace))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry: which batch of which run, to what, how many records, a digest of the body, and details."""

    seq: int
    kind: str
    batch: str
    run_id: str
    connection: str
    object: str
    count: int
    digest: str
    detail: dict[str, Any]
    at: datetime
    prev_hash: str
    hash: str


_COLUMNS = tuple(_A[name] for name in AuditRow.__dataclass_fields__)


def append(
    c: Connection,
    ws: str,
    *,
    kind: Literal["intent", "outcome"],
    batch: str,
    run_id: str,
    connection: str,
    object_name: str,
    count: int,
    digest: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> AuditRow:
    """Add an entry at the end of the workspace's chain; `detail` must hold no secrets and no personal data."""
    c.execute(upsert(c, audit_head, ["workspace"]), {"workspace": ws, "seq": 0, "hash": _START})
    head = c.execute(_LOCKED_HEAD, {"its_workspace": ws}).one()
    unsealed = AuditRow(
        seq=head.seq + 1,
        kind=kind,
        batch=clean_text(batch),
        run_id=clean_text(run_id),
        connection=clean_text(connection),
        object=clean_text(object_name),
        count=count,
        digest=clean_text(digest),
        detail=dict(detail),
        at=now,
        prev_hash=head.hash,
        hash="",
    )
    row = replace(unsealed, hash=_chained(head.hash, _content(unsealed)))
    values = {name: getattr(row, name) for name in AuditRow.__dataclass_fields__}
    c.execute(insert(audit), {"workspace": ws, **values})
    c.execute(_MOVE_HEAD, {"its_workspace": ws, "seq": row.seq, "hash": row.hash})
    return row


def entries(c: Connection, ws: str, *, batch: str | None = None, run_id: str | None = None) -> Iterator[AuditRow]:
    """Yield entries in chain order, of one batch or one run if given, reading a chunk at a time."""
    here = _A.workspace == ws
    if batch is not None:
        here &= _A.batch == batch
    if run_id is not None:
        here &= _A.run_id == run_id
    after = 0
    while True:
        query = select(*_COLUMNS).where(and_(here, _A.seq > after)).order_by(_A.seq).limit(CHUNK)
        rows = c.execute(query).all()
        for row in rows:
            yield AuditRow(*row)
        if len(rows) < CHUNK:
            return
        after = rows[-1].seq


def verify_chain(c: Connection, ws: str) -> list[str]:
    """Return what is wrong with the chain, in words: changed, missing or cut-off entries; [] when it is whole."""
    findings = []
    expected, last = 1, _START
    for row in entries(c, ws):
        if row.seq != expected:
            findings.append(f"Audit entries {expected} to {row.seq - 1} of workspace {ws} are missing.")
        elif row.prev_hash != last:
            findings.append(f"Audit entry {row.seq} of workspace {ws} does not follow the one before it.")
        if row.hash != _chained(row.prev_hash, _content(row)):
            findings.append(f"Audit entry {row.seq} of workspace {ws} was changed after it was written.")
        expected, last = row.seq + 1, row.hash
    head: Row[Any] | None = c.execute(_HEAD, {"its_workspace": ws}).one_or_none()
    if (head.seq, head.hash) != (expected - 1, last) if head is not None else expected > 1:
        findings.append(f"The end of the audit chain of workspace {ws} was cut off.")
    return findings


def _content(row: AuditRow) -> str:
    words = (row.kind, row.batch, row.run_id, row.connection, row.object)
    return dump_json([row.seq, *words, row.count, row.digest, row.detail, to_micros(row.at)])


def _chained(previous: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()
