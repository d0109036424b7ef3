"""Entries on the timelines of companies, each under an `ExternalId` that Gainsight takes once and never again.

One call makes one entry. Whether a lost request made it is seen by that id, and asking again makes no second one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType

from connectors.base import Capabilities, Change, Observed, Outcome
from connectors.errors import ConfigError, ConnectorError, CredentialsError, QuotaExhausted, SchemaDrift
from connectors.gainsight import cells
from connectors.gainsight.answers import Envelope, NotFound, RequestRefused, explain
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.keyed import Users, by_key
from connectors.gainsight.query import GSID, Row
from connectors.gainsight.schema import COMPANY, Schema
from connectors.gainsight.settings import EntrySettings
from mapping.records import Ref

OBJECT = "activity_timeline"
PATH = "/v1/ant/es/activity"
WRITE_BATCH, READ_BATCH = 10, 500
"""Entries between two guard reads, each of which takes a call; entries of one look."""
_KEY, _AUTHOR, _COMPANY, _NOTES = "ExternalId", "Author", "GsCompanyId", "Notes"
_AT = "ActivityDate"
_LEADS = "AuthorId__gr"
_READ: Mapping[str, str] = MappingProxyType({_AUTHOR: f"{_LEADS}.Email"})
"""Where an entry shows what is written under another name."""
_SENT: Mapping[str, str] = MappingProxyType({_COMPANY: "CompanyGsid"})
"""Columns of a request that a lookup of it turns into what an entry shows."""
_LOOKUPS = {
    "AuthorId": {
        "fields": {_AUTHOR: "Email"}, "lookupField": GSID, "objectName": "GsUser", "multiMatchOption": "FIRSTMATCH",
        "onNoMatch": "ERROR",
    },
    _COMPANY: {
        "fields": {_SENT[_COMPANY]: GSID}, "lookupField": GSID, "objectName": COMPANY,
        "multiMatchOption": "MARKASERROR", "onNoMatch": "ERROR",
    },
}  # fmt: skip
_NAMED = re.compile(r"\b(ExternalId|AuthorId|Author|TypeName|GsCompanyId|Subject|Notes|ActivityDate)\b")
_USED_UP = re.compile(r"exist|unique|duplicate|already", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


class GainsightTimeline:
    """Reads and makes entries by their keys; see `connectors.made.Entries`."""

    object_name = OBJECT
    names: Mapping[str, str] = MappingProxyType(
        {
            "entry_subject": "Subject",
            "entry_notes": _NOTES,
            "entry_account": _COMPANY,
            "entry_at": _AT,
            "entry_author": _AUTHOR,
            "entry_type": "TypeName",
            "entry_key": _KEY,
        }
    )

    def __init__(self, client: GainsightClient, schema: Schema, users: Users, settings: EntrySettings) -> None:
        self.author, self.kind = settings.author, settings.type
        self._client = client
        self._schema = schema
        self._users = users

    @property
    def capabilities(self) -> Capabilities:
        """Ten entries between two looks, an outcome for each."""
        return Capabilities(write_batch=WRITE_BATCH, read_batch=READ_BATCH, partial_success=True)

    def lacking(self) -> tuple[str, ...]:
        """Fields without which entries cannot be told by their keys or be compared."""
        info = self._schema.object(OBJECT)
        if info is None:
            return (GSID,)
        lost = [name for name in self.names.values() if name not in _READ and not info.has(name)]
        leads = any(one.lookup == _LEADS for one in info.fields.values())
        return tuple(lost if leads else [*lost, "AuthorId"])

    def write_cost(self, made: int, read_back: int = 0) -> int:
        """A call an entry, a look for each ten, the author, and a look for those that are read back."""
        return (made + ceil(made / WRITE_BATCH) + 1 if made else 0) + ceil(read_back / READ_BATCH)

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values by key, one `Observed` a ref."""
        fields = [_READ.get(name, name) for name in properties]
        rows = by_key(self._client, OBJECT, _KEY, [ref.id for ref in refs], fields)
        return [self._observed(ref, rows.get(ref.id), properties) for ref in refs]

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make up to ten entries, each in one attempt; raises when nothing was written yet and nothing can be."""
        try:
            known = self.author_is_known()
        except (CredentialsError, QuotaExhausted):
            raise
        except ConnectorError as error:  # this is a read: nothing was written
            return [Outcome(one.ref, "pending", error.message) for one in batch]
        if not known:
            reason = "no active user of Gainsight has the e-mail address of timeline.entries.author"
            return [Outcome(one.ref, "rejected", reason, "NO_AUTHOR", property=_AUTHOR) for one in batch]
        done: list[Outcome] = []
        ended: ConnectorError | None = None
        for change in batch:
            if ended is not None:
                done.append(Outcome(change.ref, "pending", f"Not sent: {ended.message}", "NOT_SENT"))
                continue
            try:
                done.append(self._made(change))
            except (CredentialsError, QuotaExhausted, ConfigError) as error:
                if not done:
                    raise
                ended = error
                done.append(Outcome(change.ref, "pending", error.message, "NOT_DONE"))
            except ConnectorError as error:
                ended = error
                lost = error.sent and not isinstance(error, NotFound)
                done.append(Outcome(change.ref, "in_doubt" if lost else "pending", error.message))
        return done

    def _made(self, change: Change) -> Outcome:
        """What became of one request; raises when it got no answer."""
        sent = {"records": [_record(change)], "lookups": _LOOKUPS}
        try:
            envelope = self._client.send("POST", PATH, "an entry on a timeline", body=sent)
        except RequestRefused as refused:
            envelope = refused.envelope
        data = envelope.data if isinstance(envelope.data, Mapping) else {}
        made, failed = data.get("success"), data.get("failure")
        if isinstance(made, Mapping) and change.ref.id in made and envelope.result is True:
            return Outcome(change.ref, "confirmed", record_id=_own_id(made[change.ref.id]))
        told = failed.get(change.ref.id) if isinstance(failed, Mapping) else None
        if envelope.result is not True or told:
            return self._refused(change, envelope, told)
        return Outcome(change.ref, "in_doubt", "Gainsight's answer does not name this entry.", "UNNAMED")

    def _refused(self, change: Change, envelope: Envelope, told: object) -> Outcome:
        """An entry that is there is none that was refused, whatever the refusal says: that is read, not guessed.

        Where Gainsight knows its key and shows no entry, an earlier request made it and somebody has deleted it.
        """
        code, name, used_up = _fault(envelope, told)
        try:
            (found,) = self.read_values([change.ref], [_KEY])
        except ConnectorError as error:
            return Outcome(change.ref, "in_doubt", error.message, code)
        if not found.missing:
            return Outcome(change.ref, "in_doubt", "The entry is there already.", code, record_id=found.record_id)
        if used_up:
            return Outcome(change.ref, "confirmed", "An earlier request made the entry, and somebody deleted it.", code)
        return Outcome(change.ref, "rejected", explain(code, (name,) if name else ()), code, property=name)

    def author_is_known(self) -> bool:
        """Whether a user has the author's address; Gainsight judges itself where users cannot be read."""
        try:
            return self._users.find(self.author) is not None
        except SchemaDrift:
            return True

    def _observed(self, ref: Ref, row: Row | None, properties: Sequence[str]) -> Observed:
        if row is None:
            return Observed(ref, missing=True)
        info = self._schema.object(OBJECT)
        fields = info.fields if info is not None else {}
        values: dict[str, object] = {}
        for name in properties:
            shown = cells.decode(row[_READ.get(name, name)], fields.get(name))
            if name == _NOTES:
                shown = plain_text(shown)
            if name == _AUTHOR and isinstance(shown, str) and shown.casefold() == self.author.casefold():
                shown = self.author
            values[name] = shown
        return Observed(ref, values, record_id=row[GSID])


def plain_text(shown: object) -> object:
    """Rich text as the text that it shows; anything else as it is."""
    return " ".join(html.unescape(_TAG.sub(" ", shown)).split()) if isinstance(shown, str) else shown


def _record(change: Change) -> dict[str, object]:
    """A new entry as the request has it; notes are HTML there."""
    record: dict[str, object] = {"ContextName": "Company"}
    for name, value in change.values.items():
        if value is None:
            continue
        text = html.escape(value, quote=False) if name == _NOTES else value
        record[_SENT.get(name, name)] = text.replace("Z", ".000+00:00") if name == _AT else text
    return record


def _own_id(made: object) -> str | None:
    """The id that Gainsight gave a new entry, where its answer tells it."""
    first = made[0] if isinstance(made, list) and made else made
    own = first.get("activityId") if isinstance(first, Mapping) else None
    return own if isinstance(own, str) and own else None


def _fault(envelope: Envelope, told: object) -> tuple[str, str | None, bool]:
    """The code of a refusal, the field that it names as we write it, and whether it says that the key is used up."""
    first = next(envelope.field_errors(), None)
    entry = told[0] if isinstance(told, list) and told else told
    said = entry if isinstance(entry, Mapping) else {}
    code, text = str(said.get("errorCode") or envelope.code), str(said.get("errorMessage") or entry or envelope.text)
    found = _NAMED.search((first.field or "") if first is not None and first.field else text)
    name = found.group() if found else None
    known = code if re.fullmatch(r"[A-Z][A-Z0-9_]{2,49}", code) else ""
    return known, _AUTHOR if name == "AuthorId" else name, name == _KEY and _USED_UP.search(text) is not None
