"""The entries on timelines that falls of health became, as a Gainsight tenant truly has them: told by their keys."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mapping.entries import FIELDS
from sandbox.gainsight.state import GainsightState
from tests.rig.truth import Effect, Truth, effects

OBJECT, KEY = "activity_timeline", "ExternalId"
_NAMES = {
    "entry_subject": "Subject", "entry_notes": "Notes", "entry_account": "GsCompanyId", "entry_at": "ActivityDate",
    "entry_author": "Author", "entry_type": "TypeName", "entry_key": KEY,
}  # fmt: skip
_KEPT = {"AuthorId": "Author"}
"""Fields that are kept under another name than they are sent by."""


def timeline_truth(state: GainsightState, connection: str) -> Truth:
    """What happened to entries that an API client made: a `create` for each, then a `set` a value."""
    specs = {_NAMES[spec.name]: spec for spec in FIELDS}
    mail = {gsid: row["Email"] for gsid, row in state.tenant.tables["gsuser"].rows.items()}
    happened = [one for one in effects(state.tenant.journal.as_json()) if one.object == OBJECT]
    keys = {one.id: str(one.new) for one in happened if one.property == KEY and one.new and one.ours}
    told = list(_told([replace(one, id=keys[one.id]) for one in happened if one.id in keys], mail))
    return Truth(connection, OBJECT, specs, sorted(told, key=lambda one: one.seq), {}, makes="timeline_entry")


def _told(happened: list[Effect], mail: Mapping[str, object]) -> Iterator[Effect]:
    for one in happened:
        if one.property is None:
            yield one
            continue
        name = _KEPT.get(one.property, one.property)
        if name in _NAMES.values():
            old, new = (_neutral(name, value, mail) for value in (one.old, one.new))
            yield replace(one, property=name, old=old, new=new)


def _neutral(name: str, value: object, mail: Mapping[str, object]) -> object:
    if name == "ActivityDate" and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    if name == "Notes" and isinstance(value, str):
        return html.unescape(value)
    return mail.get(str(value), value) if name == "Author" else value
