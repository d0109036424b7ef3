"""The checks about who changed a value last, as far as a CRM tells."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Change, Connector, LastChange
from connectors.testing.crm import CrmUnderTest, require
from mapping.records import Ref


def _refs(crm: CrmUnderTest, connector: Connector, count: int) -> list[Ref]:
    return [Ref(connector.name, connector.account_object, one) for one in sorted(crm.live_ids())[:count]]


def _told(connector: Connector, refs: Sequence[Ref], properties: Sequence[str]) -> dict[tuple[str, str], LastChange]:
    found = connector.last_changes(refs, properties)
    told = {(one.ref.id, one.property): one for one in found}
    wanted = {(ref.id, name) for ref in refs for name in properties}
    require(len(found) == len(told), "last_changes told of a property twice")
    require(told.keys() == wanted, f"last_changes must tell of each ref and property: {wanted ^ told.keys()}")
    return told


def _write(connector: Connector, *changes: Change) -> None:
    kinds = {one.kind for one in connector.write(changes)}
    require(kinds == {"confirmed"}, f"these changes must be written: {kinds}")


def check_last_change_is_told(crm: CrmUnderTest) -> None:
    """Our own write is ours, an edit by a person is somebody else's with a name and a time; nothing is written."""
    connector = crm.connect()
    ours, theirs = _refs(crm, connector, 2)
    _write(connector, *(Change(one, {crm.writable: "91"}) for one in (ours, theirs)))
    crm.edit(theirs.id, crm.writable, "92")
    told = _told(connector, [ours, theirs], [crm.writable])
    mine, other = told[ours.id, crm.writable], told[theirs.id, crm.writable]
    require(mine.by == "ours", f"a value that this connection wrote must be ours: {mine}")
    require(other.by == "somebody", f"a value that a person changed must be somebody's: {other}")
    require(other.kind and other.who and other.at is not None, f"it must be told who it was, and when: {other}")
    require(mine.at is not None and other.at is not None and mine.at <= other.at, "the edit came after the write")
    if mine.of == "property":
        values = (str(mine.value).removesuffix(".0"), str(other.value).removesuffix(".0"))
        require(values == ("91", "92"), f"the value that was set must be told along: {values}")


def check_a_write_beside_an_edit_does_not_take_it(crm: CrmUnderTest) -> None:
    """After a person's edit of one property and our write of another, nothing may claim the first one for us."""
    connector = crm.connect()
    (ref,) = _refs(crm, connector, 1)
    _write(connector, Change(ref, {crm.writable: "91", crm.also_writable: "91"}))
    crm.edit(ref.id, crm.writable, "92")
    _write(connector, Change(ref, {crm.also_writable: "93"}))
    told = _told(connector, [ref], [crm.writable, crm.also_writable])
    edited, written = told[ref.id, crm.writable], told[ref.id, crm.also_writable]
    claimed = edited.by == "ours" and edited.of == "property"
    require(not claimed, f"a person's edit is claimed for us because of a write beside it: {edited}")
    require(written.by == "ours", f"the property that this connection wrote must be ours: {written}")


def check_last_change_of_what_is_not_there(crm: CrmUnderTest) -> None:
    """Of deleted records, and of ids that never were, nothing is known; the others are told all the same."""
    connector = crm.connect()
    gone, there = _refs(crm, connector, 2)
    _write(connector, Change(there, {crm.writable: "91"}))
    crm.delete(gone.id)
    never = Ref(connector.name, connector.account_object, crm.unknown_ids(1)[0])
    told = _told(connector, [gone, there, never], [crm.writable])
    kinds = [told[one.id, crm.writable].by for one in (gone, there, never)]
    require(kinds == ["unknown", "ours", "unknown"], f"only what is there can be told about: {kinds}")


def check_last_changes_of_everything(crm: CrmUnderTest) -> None:
    """All records at once are told about, in as many calls as the vendor wants."""
    connector = crm.connect()
    refs = _refs(crm, connector, len(crm.live_ids()))
    last = refs[-1]
    _write(connector, Change(last, {crm.writable: "91"}))
    told = _told(connector, refs, [crm.writable])
    require(told[last.id, crm.writable].by == "ours", "the last of many records must be told about as well")
