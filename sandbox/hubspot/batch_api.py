"""Batches of records: read, update, upsert, create, archive, with the partial-success rules of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.hubspot.call import (
    Call,
    batch_answer,
    call_of,
    flag,
    inputs_of,
    is_number,
    json_body,
    kind_of,
    objects_in,
    text_in,
    texts_in,
)
from sandbox.hubspot.errors import CONFLICT, bad_values, bad_values_message, invalid, partial
from sandbox.hubspot.objects import ObjectType
from sandbox.hubspot.objects_api import association_targets, by_property, missing_required, refuse_if_read_only
from sandbox.hubspot.records import Record
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.unique import Claims
from sandbox.hubspot.values import Problem
from sandbox.hubspot.views import Selection, written

MAX_INPUTS, MAX_HISTORY_INPUTS = 100, 50


@dataclass(slots=True)
class _Row:
    """One input of a write, the record it is about if there is one, and its values once they are checked."""

    item: dict[str, Any]
    given: dict[str, object]
    record: Record | None = None
    new: bool | None = None
    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Answer:
    """Results and errors of a batch."""

    results: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def missing(self, kind: ObjectType, ids: Sequence[str]) -> None:
        if ids:
            message = (f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. "
                       "Check that ids are valid.")  # fmt: skip
            self.errors.append(partial("OBJECT_NOT_FOUND", message, {"ids": list(ids)}))


class BatchApi:
    """Routes below `/crm/v3/objects/{type}/batch`."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = "/crm/v3/objects/{kind}/batch"
        handlers = {"read": self.read, "update": self.update, "upsert": self.upsert, "create": self.create,
                    "archive": self.archive}  # fmt: skip
        return [Route(f"{base}/{name}", handler, methods=["POST"]) for name, handler in handlers.items()]

    async def read(self, request: Request) -> Response:
        """Answer the records of up to 100 ids; what is missing, archived or merged away is listed in errors."""
        kind, body = kind_of(request), await json_body(request)
        history = texts_in(body, "propertiesWithHistory")
        if history and len(objects_in(body, "inputs")) > MAX_HISTORY_INPUTS:
            raise invalid(f"The maximum number of inputs for property histories is {MAX_HISTORY_INPUTS}")
        inputs = inputs_of(body, MAX_INPUTS)
        selection = Selection(self._portal, kind, texts_in(body, "properties"), history)
        store, id_property = self._portal.stores[kind.name], text_in(body, "idProperty")
        pool = store.archived if flag(request, "archived") else store.live
        answer, missing = _Answer(), []
        for identity in dict.fromkeys(str(item.get("id", "")) for item in inputs):
            record = by_property(self._state, kind, id_property, identity) if id_property else _at(pool, identity)
            if record is None:
                missing.append(identity)
            else:
                answer.results.append(selection.show(record, self._state.options.portal_id))
        answer.missing(kind, missing)
        return self._reply(answer)

    async def update(self, request: Request) -> Response:
        """Change up to 100 records by id, or by a unique property."""
        kind, inputs = await self._write_inputs(request)
        _refuse_duplicates(inputs)
        rows = [_Row(item, _given_in(item), record=self._target(kind, item)) for item in inputs]
        self._check(kind, rows, honours_traces=self._state.options.trace_ids_on_update)
        return self._reply(self._write(kind, rows, call_of(request)))

    async def upsert(self, request: Request) -> Response:
        """Change or create up to 100 records by a unique property."""
        kind, inputs = await self._write_inputs(request)
        _refuse_duplicates(inputs)
        for item in inputs:
            name = item.get("idProperty")
            if not name:
                raise invalid("Invalid input: idProperty is required for upsert")
            by_property(self._state, kind, str(name), "")
        rows = []
        for item in inputs:
            name, value = str(item["idProperty"]), str(item.get("id", ""))
            record = by_property(self._state, kind, name, value)
            rows.append(_Row(item, {name: value, **_given_in(item)}, record=record, new=record is None))
        self._check(kind, rows)
        call = call_of(request)
        for row in rows:
            if row.record is None and not row.problems:
                row.record = self._portal.create(kind.name, {}, call.actor)
        return self._reply(self._write(kind, rows, call))

    async def create(self, request: Request) -> Response:
        """Create up to 100 records."""
        kind, inputs = await self._write_inputs(request)
        call = call_of(request)
        targets = [association_targets(self._portal, item, kind) for item in inputs]
        rows = [_Row(item, _given_in(item), new=True) for item in inputs]
        self._check(kind, rows, version=call.version)
        answer = _Answer(errors=[_trace_error(row) for row in rows if row.problems])
        for row, joins in zip(rows, targets, strict=True):
            if row.problems:
                continue
            record = self._portal.create(kind.name, row.values, call.actor)
            for target, type_id in joins:
                self._portal.links.join_as((kind.name, record.id), target, type_id)
            answer.results.append(written(kind.name, record, row.values))
        return self._reply(answer, success=201)

    async def archive(self, request: Request) -> Response:
        """Move up to 100 records into the recycle bin; unknown ids are no error."""
        kind, inputs = await self._write_inputs(request)
        live = self._portal.stores[kind.name].live
        for item in inputs:
            record = _at(live, str(item.get("id", "")))
            if record is not None:
                self._portal.archive(kind.name, record, call_of(request).actor)
        return Response(status_code=204)

    async def _write_inputs(self, request: Request) -> tuple[ObjectType, list[dict[str, Any]]]:
        kind = kind_of(request)
        refuse_if_read_only(kind)
        return kind, inputs_of(await json_body(request), MAX_INPUTS)

    def _check(self, kind: ObjectType, rows: list[_Row], *, honours_traces: bool = True, version: str = "v3") -> None:
        """Check every row's values; without a trace id on each, one bad row refuses the whole batch."""
        claims = Claims(self._portal, kind)
        for row in rows:
            row.values, row.problems = self._portal.check(kind.name, row.given)
            if row.new:
                row.problems += missing_required(self._state, kind, row.values, version)
            if row.record is not None or row.new:
                row.problems += claims.problems(row.values, row.record)
        problems = [problem for row in rows for problem in row.problems]
        if problems and not (honours_traces and _traced([row.item for row in rows])):
            raise bad_values(problems)

    def _target(self, kind: ObjectType, item: dict[str, Any]) -> Record | None:
        name, identity = item.get("idProperty"), str(item.get("id", ""))
        if name and name != "hs_object_id":
            return by_property(self._state, kind, str(name), identity)
        # Unlike a single PATCH, a batch does not follow ids that were merged away.
        return _at(self._portal.stores[kind.name].live, identity)

    def _write(self, kind: ObjectType, rows: list[_Row], call: Call) -> _Answer:
        answer, missing = _Answer(), []
        for row in rows:
            if row.problems:
                answer.errors.append(_trace_error(row))
            elif row.record is None:
                missing.append(str(row.item.get("id", "")))
            else:
                self._portal.write(kind.name, row.record, row.values, call.actor)
                extra = {} if row.new is None else {"new": row.new}
                answer.results.append(written(kind.name, row.record, row.values) | extra)
        answer.missing(kind, missing)
        return answer

    def _reply(self, answer: _Answer, success: int = 200) -> Response:
        self._state.rng.shuffle(answer.results)
        return batch_answer(self._portal.now_ms(), answer.results, answer.errors, success)


def _at(pool: dict[int, Record], identity: str) -> Record | None:
    return pool.get(int(identity)) if is_number(identity) else None


def _refuse_duplicates(inputs: list[dict[str, Any]]) -> None:
    counted = Counter(str(item.get("id", "")) for item in inputs)
    twice = [identity for identity, number in counted.items() if number > 1]
    if twice:
        message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
        raise invalid(message, context={"ids": twice})


def _traced(inputs: list[dict[str, Any]]) -> bool:
    traces = [str(item.get("objectWriteTraceId") or "") for item in inputs]
    return all(traces) and len(set(traces)) == len(traces)


def _given_in(item: dict[str, Any]) -> dict[str, object]:
    """Return the properties of one input, or raise the 400."""
    given = item.get("properties")
    if not isinstance(given, dict):
        raise invalid("Invalid input JSON: every input needs properties")
    return given


def _trace_error(row: _Row) -> dict[str, Any]:
    context = {"objectWriteTraceId": [str(row.item["objectWriteTraceId"])]}
    for problem in row.problems:
        if problem["code"] == CONFLICT:
            return partial(CONFLICT, problem["message"], context | {"existingId": [problem["existing"]]})
    return partial("VALIDATION_ERROR", bad_values_message(row.problems), context)
