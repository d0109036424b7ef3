"""Writes changes in batches of 100, in one attempt, and says of every row what became of it.

HubSpot's status says little: a 207 is "COMPLETE" with failed rows inside, a 400 means that nothing was written
because one row is bad. Rows that the answer does not mention, and all rows of an answer that never came, are in
doubt; only reading back can settle them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from connectors.base import Change, Outcome
from connectors.errors import ConfigError, ConnectorError, CredentialsError, QuotaExhausted
from connectors.hubspot.answers import NotFound, Problem
from connectors.hubspot.client import HubSpotClient, RequestRefused
from connectors.hubspot.paths import Paths
from connectors.hubspot.read import Reader, batch_problems
from connectors.hubspot.schema import Property, Schema
from connectors.hubspot.transport import Request
from connectors.hubspot.values import encode

BATCH = 100
_EVERY_ROW = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""Codes that concern every row which carries the property, so that bisecting would only cost calls."""


class Writer:
    """Writes records of one object type."""

    operation = "update"

    def __init__(self, client: HubSpotClient, paths: Paths, schema: Schema, reader: Reader, kind: str) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema
        self._reader = reader
        self._kind = kind

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """One outcome a change, in the order of the changes.

        Raises `CredentialsError`, `QuotaExhausted` or `ConfigError` when they came before anything was sent that
        may have had an effect.
        """
        if len(batch) > BATCH:
            raise ValueError(f"a batch has at most {BATCH} changes, not {len(batch)}")
        outcomes: dict[int, Outcome] = dict(_repeated(batch))
        groups = deque([[row for row in range(len(batch)) if row not in outcomes]])
        wrote = False
        while groups:
            group = groups.popleft()
            if not group:
                continue
            try:
                outcomes.update(self._send(batch, group))
                wrote = True
            except RequestRefused as refusal:
                rejected, parts = _isolate(batch, group, refusal)
                outcomes.update(rejected)
                groups.extendleft(reversed(parts))
            except (CredentialsError, QuotaExhausted, ConfigError) as error:
                if not wrote:
                    raise
                outcomes.update(_rest(batch, [group, *groups], error))
                break
            except ConnectorError as error:
                outcomes.update(_unanswered(batch, group, error))
                outcomes.update(_rest(batch, groups, error))
                break
        return [outcomes[row] for row in range(len(batch))]

    def _send(self, batch: Sequence[Change], group: Sequence[int]) -> dict[int, Outcome]:
        known = self._schema.known(self._kind) or {}
        inputs = [{**self.described(batch[row], known), "objectWriteTraceId": _trace(row)} for row in group]
        request = Request("POST", self._paths.objects(self._kind, "batch", self.operation), body={"inputs": inputs})
        return self._outcomes(batch, group, self._client.once(request))

    def described(self, change: Change, known: Mapping[str, Property]) -> dict[str, object]:
        """One input of the batch."""
        values = {name: encode(value, known.get(name)) for name, value in change.values.items()}
        return {"id": change.ref.id, "properties": values}

    def address(self, row: Mapping[str, object]) -> str:
        """The id under which a change goes, from what the answer says about its record."""
        return str(row.get("id"))

    def _outcomes(
        self, batch: Sequence[Change], group: Sequence[int], body: Mapping[str, object]
    ) -> dict[int, Outcome]:
        """Judge each row by what the answer says about it; errors overrule results."""
        by_id = {batch[row].ref.id: row for row in group}
        by_trace = {_trace(row): row for row in group}
        results = body.get("results")
        written = {
            self.address(row): str(row.get("id"))
            for row in (results if isinstance(results, list) else ())
            if isinstance(row, dict)
        }
        outcomes = {
            row: Outcome(batch[row].ref, "confirmed", record_id=written[batch[row].ref.id])
            for row in group
            if batch[row].ref.id in written
        }
        missing: list[int] = []
        unnamed: list[Problem] = []
        for problem in batch_problems(body):
            rows = {by_trace[trace] for trace in problem.traces if trace in by_trace}
            rows |= {by_id[one] for one in problem.ids if one in by_id}
            if not rows:
                unnamed.append(problem)
            for row in rows:
                if problem.not_found():
                    missing.append(row)
                elif row not in outcomes or outcomes[row].kind != "rejected":
                    outcomes[row] = _rejected(batch[row], problem)
        outcomes.update((row, self._missing(batch[row])) for row in dict.fromkeys(missing))
        left = [row for row in group if row not in outcomes]
        return outcomes | {row: _unmentioned(batch[row], unnamed, alone=len(left) == 1) for row in left}

    def _missing(self, change: Change) -> Outcome:
        """Why HubSpot did not find a record: merged records answer to their old id one by one, but not in batches."""
        ref = change.ref
        try:
            row = self._reader.one(self._kind, ref.id)
        except ConnectorError as error:
            return Outcome(ref, "pending", f"HubSpot did not find the record, and asking why failed: {error.message}")
        if row is None:
            return Outcome(ref, "gone", "The record was deleted in HubSpot.", "OBJECT_NOT_FOUND")
        found = str(row.get("id"))
        if found == ref.id:
            return Outcome(ref, "pending", "HubSpot did not find the record in the batch, but has it.")
        return Outcome(ref, "gone", f"The record was merged into {found}.", "MERGED", merged_into=found)


_UNMENTIONED = "HubSpot's answer does not say what became of this record."


def _unmentioned(change: Change, unnamed: Sequence[Problem], *, alone: bool) -> Outcome:
    """A row that neither results nor errors name; an error about no row can only be about the one that is left."""
    if unnamed and alone and not unnamed[0].not_found():
        return _rejected(change, unnamed[0])
    return Outcome(change.ref, "in_doubt", unnamed[0].message if unnamed else _UNMENTIONED)


def _trace(row: int) -> str:
    return f"row-{row}"


def _rejected(change: Change, problem: Problem) -> Outcome:
    return Outcome(change.ref, "rejected", problem.message, problem.code, problem.property)


def _repeated(batch: Sequence[Change]) -> Iterator[tuple[int, Outcome]]:
    """Rows whose record came earlier in the batch: HubSpot would refuse the whole request for them."""
    seen: set[str] = set()
    for row, change in enumerate(batch):
        if change.ref.id in seen:
            yield row, Outcome(change.ref, "pending", "The record is already in this batch.", "DUPLICATE")
        seen.add(change.ref.id)


def _isolate(
    batch: Sequence[Change], group: list[int], refusal: RequestRefused
) -> tuple[dict[int, Outcome], list[list[int]]]:
    """After a 400 nothing is written: the rows that are surely at fault, and the parts to send again."""
    problems = refusal.envelope.problems or (Problem(refusal.envelope.category, refusal.message),)
    for problem in problems:
        at_fault = [row for row in group if problem.property in batch[row].values]
        if problem.code in _EVERY_ROW and at_fault:
            rest = [row for row in group if row not in at_fault]
            return {row: _rejected(batch[row], problem) for row in at_fault}, [rest]
    if len(group) == 1:
        return {group[0]: _rejected(batch[group[0]], problems[0])}, []
    half = len(group) // 2
    return {}, [group[:half], group[half:]]


def _unanswered(batch: Sequence[Change], group: Sequence[int], error: ConnectorError) -> Iterator[tuple[int, Outcome]]:
    done_nothing = not error.sent or isinstance(error, NotFound)
    for row in group:
        if done_nothing:
            yield row, Outcome(batch[row].ref, "pending", error.message, "NOT_DONE")
        else:
            yield row, Outcome(batch[row].ref, "in_doubt", error.message, "NO_ANSWER")


def _rest(
    batch: Sequence[Change], groups: Sequence[Sequence[int]] | deque[list[int]], error: ConnectorError
) -> Iterator[tuple[int, Outcome]]:
    """Rows that were not sent any more after a failure."""
    for group in groups:
        for row in group:
            yield row, Outcome(batch[row].ref, "pending", f"Not sent: {error.message}", "NOT_SENT")
