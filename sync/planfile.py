"""A plan as a file: to be looked at, reviewed, kept, and applied exactly as it was shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from store import Store, plans
from store.plans import NARROWED, Plan, PlanHeader, PlanRecord
from sync import planbook
from sync.errors import UsageError

FORMAT = 1
CHUNK = 500


def save_plan(store: Store, plan: Plan, path: Path) -> None:
    """Write a plan as JSON lines in one object; raises `UsageError` when the file cannot be written."""
    head = {
        "format": FORMAT,
        "plan_id": plan.id,
        "workspace": store.workspace,
        "as_of": plan.header.as_of.date().isoformat(),
        "framework": plan.header.framework,
        "model_version": plan.header.model_version,
        "timezone": plan.header.inputs["timezone"],
        NARROWED: NARROWED in plan.header.inputs,
        "cost": plan.cost,
        "counts": plan.counts,
    }
    try:
        with path.open("wb") as out:
            out.write(orjson.dumps(head)[:-1] + b',\n"records": [')
            for number, record in enumerate(_stored(store, plan)):
                out.write((b",\n" if number else b"\n") + orjson.dumps(_as_dict(record)))
            out.write(b"\n]}\n")
    except OSError as error:
        raise UsageError(f"The plan cannot be saved as {path}: {error.strerror}.") from error


def load_plan(store: Store, path: Path) -> str:
    """Check a plan file against its id and return the id.

    Raises `UsageError` when the file is not a plan, was changed since it was made, or belongs to another workspace or
    store: what was read and written before is in the store that made the plan, and only there can be said whether the
    plan still holds.
    """
    data = _read(path)
    if data["workspace"] != store.workspace:
        raise UsageError(
            f"The plan in {path} is for workspace {data['workspace']}, this one is {store.workspace}.",
            hint="Use the configuration with which the plan was made.",
        )
    header, records = _header(data), [_as_record(one) for one in data["records"]]
    records.sort(key=lambda one: (one.connection, one.object, one.record_id))
    plan_id = str(data["plan_id"])
    if plans.content_id(header, records) != plan_id:
        raise UsageError(
            f"The plan in {path} was changed since it was made: its content does not match its id {plan_id}.",
            hint="Make a new one with `keepwell plan --out FILE`.",
        )
    with store.read() as c:
        known = plans.get(c, store.workspace, plan_id)
    if known is None:
        raise UsageError(
            f"The plan in {path} is not here: another store made it, or somebody whom it names was forgotten.",
            hint="Apply it with the configuration that made it, or make a new one with `keepwell plan --out FILE`.",
        )
    return plan_id


def _stored(store: Store, plan: Plan) -> Iterator[PlanRecord]:
    """Records as they count for the id, the time stamp not resolved."""
    return planbook.pages(store, plan, None, CHUNK)


def _read(path: Path) -> dict[str, Any]:
    hint = "Give a plan's id, or a file that `keepwell plan --out FILE` wrote."
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The plan file {path} cannot be read: {error.strerror}.", hint=hint) from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path} is not a plan: it is not JSON ({error}).", hint=hint) from error
    needed = {"plan_id", "workspace", "as_of", "framework", "model_version", "timezone", "cost", "counts", "records"}
    if not isinstance(data, dict) or not needed <= set(data) or data.get("format") != FORMAT:
        raise UsageError(f"{path} is not a plan of this version of Keepwell.", hint=hint)
    return data


def _header(data: dict[str, Any]) -> PlanHeader:
    return planbook.header_of_day(
        str(data["as_of"]),
        str(data["framework"]),
        str(data["model_version"]),
        data["workspace"],
        data["timezone"],
        narrowed=data.get(NARROWED) is True,
    )


def _as_dict(record: PlanRecord) -> dict[str, Any]:
    return {
        "connection": record.connection,
        "object": record.object,
        "record_id": record.record_id,
        "account_id": record.account_id,
        "changes": list(record.changes),
        "held": list(record.held),
    } | ({} if record.kind == "update" else {"kind": record.kind})


def _as_record(data: dict[str, Any]) -> PlanRecord:
    try:
        return PlanRecord(
            str(data["connection"]),
            str(data["object"]),
            str(data["record_id"]),
            str(data["account_id"]),
            tuple(data["changes"]),
            tuple(data["held"]),
            data.get("kind", "update"),
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"A record of the plan file lacks {error}.", hint="Make a new plan.") from error
