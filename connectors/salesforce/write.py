"""Writing by sObject Collections: 200 rows a request, each with an outcome of its own, nothing ever sent twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.base import Change, Outcome, OutcomeKind
from connectors.errors import ConfigError, ConnectorError, CredentialsError, QuotaExhausted
from connectors.salesforce.answers import CallRefused, lacks_resource, vendor_error
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.current import Current
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.rows import Row, prepare
from connectors.salesforce.schema import ObjectInfo, Schema
from connectors.salesforce.verdicts import property_at_fault, verdict

WRITE_BATCH = 200
Outcomes = dict[int, Outcome]


class CollectionsWriter:
    """Writes batches of changes to one object; a batch is all of new records or all of others."""

    def __init__(self, client: SalesforceClient, schema: Schema, current: Current, target: str) -> None:
        self._client = client
        self._schema = schema
        self._current = current
        self._object = target

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """One outcome a change, in order; raises `CredentialsError` or `QuotaExhausted` when nothing was written."""
        try:
            info = self._schema.object(self._object)
        except (CredentialsError, QuotaExhausted):
            raise
        except ConnectorError as error:  # describing is a read: nothing was written
            return [Outcome(change.ref, "pending", error.message) for change in batch]
        if info is None:
            reason = f"the integration user may not see {self._object}"
            return [Outcome(change.ref, "rejected", reason, "INVALID_TYPE") for change in batch]
        prepared = prepare(batch, info)
        rows = sorted(prepared.rows, key=lambda row: (self._current.parents.get(row.id, ""), row.id))
        done = {**prepared.settled, **self._by_collections(rows, info)}
        self._resolve_merges(done)
        redact = self._client.redact  # reasons are Salesforce's own words, and end up in the store
        return [replace(done[index], reason=redact(done[index].reason)) for index in range(len(batch))]

    def _by_collections(self, rows: Sequence[Row], info: ObjectInfo) -> Outcomes:
        attempt = _Attempt(self._client, info)
        for start in range(0, len(rows), WRITE_BATCH):
            attempt.send(rows[start : start + WRITE_BATCH])
        return attempt.done

    def _resolve_merges(self, done: Outcomes) -> None:
        """Name the survivor of each record that is gone because of a merge; without an answer it is just gone."""
        gone = {index: to18(o.ref.id) for index, o in done.items() if o.kind == "gone" and is_id(o.ref.id)}
        if not gone:
            return
        try:
            survivors = self._current.survivors(list(gone.values()))
        except ConnectorError:
            return  # the write is settled already; the next pull tells about the merge
        for index, record_id in gone.items():
            done[index] = replace(done[index], merged_into=survivors.get(record_id))


class _Attempt:
    """One pass over a batch; `done` collects what became of each row."""

    def __init__(self, client: SalesforceClient, info: ObjectInfo) -> None:
        self._client = client
        self._info = info
        self.done: Outcomes = {}
        self._sent = False

    def send(self, rows: Sequence[Row]) -> None:
        """Send `rows` as one request and note what became of each."""
        if not rows:
            return
        body = {"allOrNone": False, "records": [row.json(self._info) for row in rows]}
        try:
            answer = self._client.send("POST" if rows[0].change.new else "PATCH", "composite/sobjects", json=body)
        except CallRefused as refused:
            self._divide(rows, refused)
        except (CredentialsError, QuotaExhausted) as error:
            if not self._sent:
                raise
            self._all(rows, Outcome(rows[0].ref, "pending", error.message))
        except ConfigError as error:
            self._all(rows, Outcome(rows[0].ref, "rejected", str(error)))
        except ConnectorError as error:
            self._sent = self._sent or error.sent
            self._all(rows, Outcome(rows[0].ref, "in_doubt" if error.sent else "pending", error.message))
        else:
            self._sent = True
            self._judge(rows, answer)

    def _judge(self, rows: Sequence[Row], answer: object) -> None:
        """Salesforce answers in the order of the request; an answer that does not fit it proves nothing."""
        if not isinstance(answer, list) or len(answer) != len(rows):
            self._all(rows, Outcome(rows[0].ref, "in_doubt", "the answer does not have one result a record"))
            return
        for row, result in zip(rows, answer, strict=True):
            self.done[row.index] = _outcome(row, result)

    def _divide(self, rows: Sequence[Row], refused: CallRefused) -> None:
        """A request that was refused as a whole wrote nothing: find the row at fault and send the others."""
        whole = verdict(rows[0].ref, refused.error)
        if lacks_resource(refused) or whole.kind == "pending":
            # This is about the server, not about a row: no part of the request would fare better.
            kind: OutcomeKind = "pending" if whole.kind == "pending" else "rejected"
            self._all(rows, replace(whole, kind=kind))
            return
        at_fault = property_at_fault(refused.error)
        carriers = [row for row in rows if at_fault in row.change.values]
        if carriers or len(rows) == 1:
            for row in carriers or rows:
                self.done[row.index] = verdict(row.ref, refused.error)
            self.send([row for row in rows if row.index not in self.done])
            return
        middle = len(rows) // 2
        self.send(rows[:middle])
        self.send(rows[middle:])

    def _all(self, rows: Sequence[Row], outcome: Outcome) -> None:
        for row in rows:
            self.done[row.index] = replace(outcome, ref=row.ref)


def _outcome(row: Row, result: object) -> Outcome:
    if not isinstance(result, Mapping):
        return Outcome(row.ref, "in_doubt", "the result of this record is not readable")
    if result.get("success") is True:
        # Results have the order of the request; an id that is told must fit it all the same.
        answered = str(result.get("id") or row.id)
        if row.change.new:
            return Outcome(row.ref, "confirmed", record_id=to18(answered) if is_id(answered) else None)
        if is_id(answered) and to18(answered) == row.id:
            return Outcome(row.ref, "confirmed")
        return Outcome(row.ref, "in_doubt", f"the result at this place is about {answered}")
    error = vendor_error(result.get("errors"))
    if result.get("success") is False and error is not None:
        return verdict(row.ref, error)
    return Outcome(row.ref, "in_doubt", "the result of this record says neither success nor error")
