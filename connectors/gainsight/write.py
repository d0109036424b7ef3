"""Writing by updates of 50 records, which Gainsight does whole or not at all.

One bad record refuses its whole request. Its field is usually named along with the value that it had, so the records
that carry it are sent apart from the others. Where that leaves more to be refused, or nothing is named, the object is
described anew, for an admin may have changed a field; else the request is halved until the bad record is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.base import Change, Outcome, OutcomeKind
from connectors.errors import ConfigError, ConnectorError, CredentialsError, QuotaExhausted
from connectors.gainsight import cells
from connectors.gainsight.answers import Envelope, FieldError, NotFound, RequestRefused, explain
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.current import Current, Located
from connectors.gainsight.query import GSID
from connectors.gainsight.schema import FieldInfo, ObjectInfo

WRITE_BATCH = 50
_NOT_WRITABLE = "GSOBJ_1002"


@dataclass(frozen=True, slots=True)
class _Row:
    """A change that may be sent: its place in the batch, the id of the row, and its values as the update takes them."""

    index: int
    change: Change
    address: str
    values: Mapping[str, cells.JsonValue]

    @property
    def json(self) -> dict[str, cells.JsonValue]:
        return {GSID: self.address, **self.values}


class Writer:
    """Writes batches of changes to the object that holds Keepwell's fields."""

    def __init__(self, client: GainsightClient, current: Current) -> None:
        self._client = client
        self._current = current

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """One outcome a change, in order; raises `CredentialsError` or `QuotaExhausted` when nothing was written."""
        if len(batch) > WRITE_BATCH:
            raise ValueError(f"a batch has at most {WRITE_BATCH} changes, not {len(batch)}")
        try:
            info = self._current.info()
            located = self._current.taken_for_there([change.ref.id for change in batch])
        except (CredentialsError, QuotaExhausted):
            raise
        except ConnectorError as error:  # these are reads: nothing was written
            return [Outcome(change.ref, "pending", error.message) for change in batch]
        attempt = _Attempt(self._client, self._current, located)
        attempt.send(_prepared(batch, info, located, attempt.done))
        return [attempt.done[index] for index in range(len(batch))]


@dataclass(slots=True)
class _Attempt:
    """One pass over a batch; `done` collects what became of each row."""

    _client: GainsightClient
    _current: Current
    _located: Located
    done: dict[int, Outcome] = field(default_factory=dict)
    _wrote: bool = False
    _refusals: int = 0
    _described: bool = False
    _ended: ConnectorError | None = None

    def send(self, rows: Sequence[_Row]) -> None:
        """Send `rows` as one request and note what became of each."""
        if not rows:
            return
        if self._ended is not None:
            self._all(rows, "pending", f"Not sent: {self._ended.message}", "NOT_SENT")
            return
        path, body = f"/v1/data/objects/{self._current.object}?keys={GSID}", {"records": [row.json for row in rows]}
        try:
            envelope = self._client.send("PUT", path, f"the update of {len(rows)} records", body=body)
        except RequestRefused as refused:
            self._divide(rows, refused.envelope)
        except (CredentialsError, QuotaExhausted, ConfigError) as error:
            if not self._wrote:
                raise
            self._end(rows, error)
        except (NotFound, ConnectorError) as error:
            self._end(rows, error)
        else:
            if envelope.empty:
                self._divide(rows, envelope)
            else:
                self._wrote = True
                self._judge(rows, envelope.data)

    def _judge(self, rows: Sequence[_Row], data: object) -> None:
        """The records that the answer names are written; where it names none, all are when it counted all."""
        told = data if isinstance(data, Mapping) else {}
        records = told.get("records")
        if isinstance(records, list):
            written = {str(one.get(GSID)) for one in records if isinstance(one, Mapping)}
        else:
            written = {row.address for row in rows} if told.get("count") == len(rows) else set()
        for row in rows:
            if row.address in written:
                self.done[row.index] = Outcome(row.change.ref, "confirmed")
            else:
                self._all([row], "in_doubt", "Gainsight's answer does not name this record.", "UNNAMED")

    def _divide(self, rows: Sequence[_Row], envelope: Envelope) -> None:
        """A refused request wrote nothing: find the records at fault and send the others."""
        self._refusals += 1
        if envelope.empty and self._without_the_gone(rows):
            return
        errors = list(envelope.field_errors())
        if len(rows) == 1 and self._refusals == 1 and not self._described:
            left = self._checked_anew(rows)  # it was the only one, so that no other one told of a changed field
            if left != list(rows):
                self.send(left)
                return
        if len(rows) == 1:
            self.done[rows[0].index] = _refused(rows[0], errors, envelope.code)
            return
        suspects = [row for row in rows if any(_carries(row, one.field, one.value) for one in errors)]
        apart = 0 < len(suspects) < len(rows)
        if not self._described and (self._refusals > 1 or not apart):
            left = self._checked_anew(rows)
            if left != list(rows):
                self.send(left)
                return
        if not apart:
            suspects = list(rows[: len(rows) // 2])
        chosen = {row.index for row in suspects}
        self.send([row for row in rows if row.index not in chosen])
        self.send(suspects)

    def _checked_anew(self, rows: Sequence[_Row]) -> list[_Row]:
        """The rows that may still be written, as the object takes them now; what became of the others is noted."""
        self._described = True
        try:
            info = self._current.info(fresh=True)
        except ConnectorError:
            return list(rows)  # then the refusals themselves have to tell
        checked: dict[int, Outcome] = {}
        left = _prepared([row.change for row in rows], info, self._located, checked)
        self.done |= {rows[place].index: outcome for place, outcome in checked.items()}
        return [_Row(rows[row.index].index, row.change, row.address, row.values) for row in left]

    def _without_the_gone(self, rows: Sequence[_Row]) -> bool:
        """After an answer that a record is not there: settle those, and send the others; False when all are."""
        try:
            located = self._current.locate([row.change.ref.id for row in rows])
        except ConnectorError:
            return False
        lost = {row.index: _unlocated(row.change, located) for row in rows if row.change.ref.id not in located.at}
        self.done |= lost
        if lost:
            self.send([row for row in rows if row.index not in self.done])
        return bool(lost)

    def _end(self, rows: Sequence[_Row], error: ConnectorError) -> None:
        """Give up: `rows` may have been written where the request was sent, what follows was not."""
        lost = error.sent and not isinstance(error, NotFound)
        self._ended = error
        self._all(rows, "in_doubt" if lost else "pending", error.message, "NO_ANSWER" if lost else "NOT_DONE")

    def _all(self, rows: Sequence[_Row], kind: OutcomeKind, reason: str, code: str) -> None:
        for row in rows:
            self.done[row.index] = Outcome(row.change.ref, kind, reason, code)


def _unlocated(change: Change, located: Located) -> Outcome:
    """The outcome of a change for which there is no row to write."""
    reason = located.refused.get(change.ref.id)
    if reason is not None:
        return Outcome(change.ref, "rejected", reason, "NO_ROW")
    return Outcome(change.ref, "gone", "The record was deleted in Gainsight.", "GSOBJ_1011")


def _prepared(batch: Sequence[Change], info: ObjectInfo, located: Located, done: dict[int, Outcome]) -> list[_Row]:
    """The changes that may be sent; `done` gets the outcome of those that are known without sending."""
    rows: list[_Row] = []
    seen: set[str] = set()
    for index, change in enumerate(batch):
        refused = next(
            (one for name, value in change.values.items() if (one := _problem(name, value, info.fields.get(name)))),
            None,
        )
        if refused is not None:
            name, code, reason = refused
            done[index] = Outcome(change.ref, "rejected", reason, code, property=name)
        elif not change.values:
            done[index] = Outcome(change.ref, "confirmed", "nothing to write")
        elif change.ref.id not in located.at:
            done[index] = _unlocated(change, located)
        elif change.ref.id in seen:
            done[index] = Outcome(change.ref, "pending", "the same record stands in this batch twice", "DUPLICATE")
        else:
            seen.add(change.ref.id)
            values = {name: cells.encode(value, info.fields[name]) for name, value in change.values.items()}
            rows.append(_Row(index, change, located.at[change.ref.id], values))
    return rows


def _problem(name: str, value: str | None, found: FieldInfo | None) -> tuple[str, str, str] | None:
    """What Gainsight would refuse about a value, as (field, code, reason)."""
    if found is None:
        return name, _NOT_WRITABLE, f"{name} does not exist in Gainsight"
    if not found.updateable:
        return name, _NOT_WRITABLE, f"{name} is computed by Gainsight or read-only"
    try:
        cells.encode(value, found)
    except ValueError as error:
        return name, "GSOBJ_1008", f"{name}: {error}"
    return None


def _refused(row: _Row, errors: Sequence[FieldError], code: str) -> Outcome:
    """The outcome of a record that was refused alone; a field that it did not have is in the reason only."""
    named = next((one for one in errors if one.field), None)
    code = named.code if named and named.code else code
    told = named.field if named else None
    sent = next((name for name in row.values if told and name.casefold() == told.casefold()), None)
    return Outcome(row.change.ref, "rejected", explain(code, (told,) if told else ()), code, sent)


def _carries(row: _Row, name: str | None, value: object) -> bool:
    """Whether a row has the value that was refused in a field; a refusal may write it in another way."""
    named = (held for own, held in row.values.items() if name is not None and own.casefold() == name.casefold())
    return any(str(held) == str(value) for held in named)
