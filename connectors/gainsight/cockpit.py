"""Calls to action of companies, each under a key of its own in a field of the tenant's.

Gainsight holds that field to nothing, and takes a `referenceId` any number of times. So the key tells afterwards
whether a lost request made a call, and only once so much time has passed that it cannot be made any more.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any

from connectors.base import Capabilities, Change, Observed, Outcome, OutcomeKind
from connectors.errors import BadAnswer, ConfigError, ConnectorError, CredentialsError, QuotaExhausted, SchemaDrift
from connectors.gainsight import cells
from connectors.gainsight.answers import NotFound, RequestRefused, explain
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.fields import GainsightFields
from connectors.gainsight.keyed import Users, by_key
from connectors.gainsight.query import GSID, Row, rows_of
from connectors.gainsight.schema import Schema
from connectors.gainsight.settings import CallSettings
from connectors.gainsight.timeline import plain_text
from mapping.records import FieldSpec, Ref, ValueType

OBJECT, PATH = "call_to_action", "/v2/cockpit/cta"
WRITE_BATCH, READ_BATCH = 50, 500
SETTLES_AFTER = 3_600.0
"""Seconds after which a request whose answer was lost cannot be carried out any more: any server has given it up."""
_CATEGORIES = "CTA_TYPE,CTA_STATUS,CTA_PRIORITY,CTA_REASON"
_STATUS, _PRIORITY, _BODY, _OWNER, _CLOSED = "status", "priority", "Comments", "OwnerId", "IsClosed"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "task_subject": "Name",
        "task_account": "CompanyId",
        "task_owner": _OWNER,
        "task_due": "DueDate",
        "task_priority": _PRIORITY,
        "task_status": _STATUS,
        "task_body": _BODY,
    }
)
_READ: Mapping[str, str] = MappingProxyType({_STATUS: "StatusId__gr.Name", _PRIORITY: "PriorityId__gr.Name"})
"""Where a call shows what is written under another name."""
_SAID = re.compile(r"(?P<code>[A-Z][A-Z0-9_]{2,49}): ")
_FIELD = re.compile(r"\b(OwnerId|OwnerEmail|CompanyId|DueDate|Name|type|status|priority|reason)\b")


class GainsightTasks:
    """Reads, makes and changes calls to action by their keys; see `connectors.made.Tasks`."""

    object_name = OBJECT
    whole_days = True
    always_due = True
    settles_after = SETTLES_AFTER

    def __init__(
        self, client: GainsightClient, schema: Schema, users: Users, settings: CallSettings, prefix: str
    ) -> None:
        self.settings = settings
        self._client = client
        self._schema = schema
        self._users = users
        self._fields = GainsightFields(schema, prefix, on=OBJECT)
        self._key = self._fields.property_name(FieldSpec("alert_key", ValueType.TEXT, "", ""))
        self.names: Mapping[str, str] = {**_NAMES, "alert_key": self._key}
        self._words = {_STATUS: settings.status.model_dump(), _PRIORITY: settings.priority.model_dump()}
        self._ids: dict[str, str] = {}
        self._checked = self._keyless = False

    @property
    def capabilities(self) -> Capabilities:
        """50 calls a request, an outcome for each."""
        return Capabilities(write_batch=WRITE_BATCH, read_batch=READ_BATCH, partial_success=True)

    def fields(self) -> GainsightFields:
        """The key."""
        return self._fields

    def write_cost(self, made: int, changed: int, read_back: int = 0) -> int:
        """A look, a look at deleted ones, a request and a look at the keys for each 50 new ones; less for changes."""
        return 4 * ceil(made / WRITE_BATCH) + 2 * ceil(changed / WRITE_BATCH) + ceil(read_back / READ_BATCH)

    def fallback_owner(self) -> str | None:
        """The user who is named for companies without a CSM; raises `ConfigError` where there is none such."""
        email = self.settings.fallback_owner
        found = self._users.find(email) if email is not None else None
        if email is not None and found is None:
            raise ConfigError(
                "No active user of Gainsight has the e-mail address of tasks.fallback_owner.",
                hint="Set it to the address of an active user.",
            )
        return found

    def check(self) -> None:
        """Compare the configured names with the tenant's; raises `SchemaDrift` that names what it does not have."""
        if self._checked:
            return
        words, settings = self._picklists(), self.settings
        wanted = {
            "CTA_TYPE": {"type": settings.type},
            "CTA_REASON": {"reason": settings.reason or ""},
            "CTA_STATUS": {f"status.{name}": label for name, label in self._words[_STATUS].items()},
            "CTA_PRIORITY": {f"priority.{name}": label for name, label in self._words[_PRIORITY].items()},
        }
        for category, named in wanted.items():
            has = words.get(category, [])
            for key, label in named.items():
                if label not in has:
                    listed = ", ".join(has) or "none"
                    raise SchemaDrift(
                        f"tasks.{key}: Gainsight has no {label!r} among its {category}.",
                        hint=f"Choose one of what it has: {listed}.",
                    )
        self.fallback_owner()
        self._checked = True

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values by key; of a deleted call, as far as Gainsight tells of it, the id is told."""
        fields = [_READ.get(name, name) for name in properties]
        keys = [ref.id for ref in refs]
        rows = by_key(self._client, OBJECT, self._key, keys, [_CLOSED, *fields])
        deleted = self._deleted([key for key in keys if key not in rows])
        return [self._observed(ref, rows.get(ref.id), properties, deleted) for ref in refs]

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make or change up to 50 calls in one attempt."""
        new = bool(batch) and batch[0].new
        try:
            done = {} if new else self._gone(batch)
        except (CredentialsError, QuotaExhausted):
            raise
        except ConnectorError as error:  # this is a read: nothing was written
            return [Outcome(one.ref, "pending", error.message) for one in batch]
        if new and self._keyless:
            reason = f"Gainsight did not keep {self._key} of the last call to action, so none could be told again"
            return [Outcome(one.ref, "rejected", reason, "NO_KEY") for one in batch]
        if new:
            for one in batch:
                if not one.values.get(_OWNER):
                    reason = "the company has no CSM, and tasks.fallback_owner names nobody"
                    done[one.ref.id] = Outcome(one.ref, "rejected", reason, "NO_OWNER")
        sent = [one for one in batch if one.ref.id not in done]
        if sent:
            done |= self._sent(sent, new=new)
        return [done[one.ref.id] for one in batch]

    def _sent(self, batch: Sequence[Change], *, new: bool) -> dict[str, Outcome]:
        body = {"requests": [{"record": self._record(one)} for one in batch]}
        what = f"the {'making' if new else 'update'} of {len(batch)} calls to action"
        try:
            data = self._client.send("POST" if new else "PUT", PATH, what, body=body).data
        except RequestRefused as refused:
            data = refused.envelope.data
            if not (isinstance(data, Mapping) and data.get("failure")):
                code = refused.envelope.code
                return {one.ref.id: Outcome(one.ref, "rejected", explain(code), code) for one in batch}
        except (CredentialsError, QuotaExhausted, ConfigError):
            raise
        except ConnectorError as error:
            kind: OutcomeKind = "in_doubt" if error.sent and not isinstance(error, NotFound) else "pending"
            return {one.ref.id: Outcome(one.ref, kind, error.message) for one in batch}
        told = data if isinstance(data, Mapping) else {}
        made, failed = _by_reference(told.get("success")), _by_reference(told.get("failure"))
        done = {one.ref.id: _judged(one, made, failed) for one in batch}
        if new and made:
            self._prove(made)
        return done

    def _record(self, change: Change) -> dict[str, Any]:
        """A change as a request has it; what Keepwell says of every call goes along with a new one."""
        given = {name: value for name, value in change.values.items() if value is not None}
        record: dict[str, Any] = {"referenceId": change.ref.id}
        if change.new:
            record |= {"type": self.settings.type, "reason": self.settings.reason}
        else:
            record[GSID] = self._ids[change.ref.id]
        for name, value in given.items():
            words = self._words.get(name)
            text = html.escape(value, quote=False) if name == _BODY else value
            record[name] = text if words is None else words.get(value, value)
        return record

    def _prove(self, made: Mapping[str, object]) -> None:
        """See that Gainsight kept the keys of new calls: one that does not would let Keepwell lose sight of them."""
        try:
            kept = by_key(self._client, OBJECT, self._key, list(made), ())
        except ConnectorError:
            return
        self._keyless = not kept

    def _gone(self, batch: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes of changes whose call is not there any more."""
        unknown = [one.ref for one in batch if one.ref.id not in self._ids]
        if unknown:
            self.read_values(unknown, [self._key])
        gone = "The call to action was deleted in Gainsight."
        return {
            one.ref.id: Outcome(one.ref, "gone", gone, "GSOBJ_1011") for one in batch if one.ref.id not in self._ids
        }

    def _observed(self, ref: Ref, row: Row | None, properties: Sequence[str], deleted: Mapping[str, str]) -> Observed:
        if row is None:
            self._ids.pop(ref.id, None)
            return Observed(ref, missing=True, record_id=deleted.get(ref.id))
        self._ids[ref.id] = str(row[GSID])
        info = self._schema.object(OBJECT)
        fields = info.fields if info is not None else {}
        values: dict[str, object] = {}
        for name in properties:
            shown = cells.decode(row[_READ.get(name, name)], fields.get(name))
            if name in self._words:
                shown = {label: word for word, label in self._words[name].items()}.get(str(shown), shown)
            values[name] = plain_text(shown) if name == _BODY else shown
        if _STATUS in values and row[_CLOSED]:
            values[_STATUS] = "done"  # a tenant has several statuses that close a call
        return Observed(ref, values, record_id=str(row[GSID]))

    def _deleted(self, keys: Sequence[str]) -> dict[str, str]:
        """Key → id of the calls that were deleted within fifteen days, where the tenant lists them by their keys."""
        if not keys:
            return {}
        where = {
            "conditions": [{"fieldName": self._key, "alias": "A", "value": list(keys), "operator": "IN"}],
            "expression": "A",
        }
        asked = {"select": [GSID, self._key], "where": where, "pageSize": 1_000, "pageNumber": 1}
        what = "the list of deleted calls to action"
        try:
            rows = rows_of(self._client.read("POST", f"{PATH}/deleted/list", what, body=asked), what)
        except (NotFound, RequestRefused):
            return {}
        return {str(row[self._key]): str(row[GSID]) for row in rows if row.get(self._key) and row.get(GSID)}

    def _picklists(self) -> dict[str, list[str]]:
        """Category → labels of its active items."""
        path = f"/v2/cockpit/admin/picklist/lite?category={_CATEGORIES}&et=COMPANY"
        what = "the configuration of calls to action"
        data = self._client.read("GET", path, what).data
        if not isinstance(data, Mapping):
            raise BadAnswer(f"Gainsight, {what}, was answered without picklists.", sent=True)
        return {
            str(category): [
                str(one["name"])
                for one in items
                if isinstance(one, Mapping) and one.get("name") and one.get("active") is not False
            ]
            for category, items in data.items()
            if isinstance(items, list)
        }


def _by_reference(told: object) -> dict[str, object]:
    """What an answer says of each request: a list of single-entry objects, or one object."""
    listed = told if isinstance(told, list) else [told]
    return {str(name): value for one in listed if isinstance(one, Mapping) for name, value in one.items()}


def _judged(change: Change, made: Mapping[str, object], failed: Mapping[str, object]) -> Outcome:
    key = change.ref.id
    if key in made:
        return Outcome(change.ref, "confirmed", record_id=str(made[key]) if made[key] else None)
    if key not in failed:
        return Outcome(change.ref, "in_doubt", "Gainsight's answer does not name this call to action.", "UNNAMED")
    said = str(failed[key])
    code, name = _SAID.match(said), _FIELD.search(said)
    known = code["code"] if code else ""
    return Outcome(change.ref, "rejected", explain(known, (name.group(),) if name else ()), known)
