"""Invariants about the store: what values stand on, what was read, who wrote it, and that every run is explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from store.intents import FINAL, OPEN
from tests.rig.books import Row
from tests.rig.evidence import Evidence
from tests.rig.truth import Truth

ENDS = frozenset({"complete", "partial", "deferred", "interrupted", "busy", "refused", "failed"})
WRITES = ("sync", "apply", "undo")
COUNTED = {"confirmed": ("confirmed",), "rejected": ("rejected", "stuck"), "gone": ("gone",), "conflict": ("conflict",)}
"""Buckets of a report that can only grow afterwards, and the states of the intents behind them."""
NOT_WELL = ("conflict", "rejected", "pending", "in_doubt")


def whole_data_only(case: Evidence) -> Iterator[str]:
    """4: whatever went out stands in a finished plan that was made from sealed epochs with their proofs."""
    plans = {row["id"]: row for row in case.books.tables["plan"] if row["id"] is not None}
    epochs = {row["id"]: row for row in case.books.tables["epoch"]}
    for plan_id in {row["plan_id"] for row in case.books.intents if row["sent_at"] is not None}:
        plan = plans.get(plan_id)
        if plan is None or plan["state"] == "draft":
            yield f"values of plan {plan_id} went out, but there is no such finished plan"
        elif "undoes" not in plan["inputs"]:
            yield from _unproven(plan, epochs)


def _unproven(plan: Row, epochs: dict[int, Row]) -> Iterator[str]:
    used = plan["counts"]["/made"]["epochs"]
    if not used:
        yield f"plan {plan['id']} stands on no epoch"
    for connection, streams in used.items():
        for stream, number in streams.items():
            epoch = epochs.get(number)
            if epoch is None or (epoch["connection"], epoch["stream"]) != (connection, stream):
                yield f"plan {plan['id']} stands on epoch {number} of {connection} {stream}, which is not there"
                continue
            proof = epoch["proof"] or {}
            read = proof.get("rows", proof.get("owners"))  # a stream of links proves whose links it read
            expected = proof.get("expected")
            if epoch["state"] != "sealed" or read is None or (expected is not None and read < expected):
                yield f"plan {plan['id']} stands on epoch {number} ({epoch['state']}, proof {epoch['proof']})"


def exact_pull(case: Evidence) -> Iterator[str]:
    """5: once a stream was read whole, the store has the CRM's records, all of them and no others."""
    whole = {
        (row["connection"], row["stream"])
        for row in case.books.tables["epoch"]
        if row["state"] == "sealed" and row["mode"] == "full"
    }
    for truth in case.truths:
        for stream, there in truth.modified.items():
            if (truth.connection, stream) in whole:
                moving = truth.came_or_went(stream)
                here = {row["id"] for row in _raw(case, truth, stream) if not (row["archived"] or row["gone"])}
                for one in sorted(there.keys() - here - moving):
                    yield f"{truth.connection} {stream} {one} is in the CRM and not in the store"
                for one in sorted(here - there.keys() - moving):
                    yield f"{truth.connection} {stream} {one} is in the store and not in the CRM"


def cursor_behind(case: Evidence) -> Iterator[str]:
    """6: of everything that was changed up to a cursor the store has this version or a later one."""
    for truth in case.truths:
        here = [row for row in case.books.tables["cursor"] if row["connection"] == truth.connection]
        cursors = {row["stream"]: row["at"] for row in here}
        for stream, there in truth.modified.items():
            if stream not in cursors:
                continue
            known = {row["id"]: row["modified_at"] for row in _raw(case, truth, stream)}
            for one, modified in there.items():
                stored = known.get(one)
                if modified <= cursors[stream] and (stored is None or stored < modified - timedelta(milliseconds=1)):
                    yield (
                        f"{truth.connection} {stream}: the cursor is at {cursors[stream]}, but {one} was changed at "
                        f"{modified} and the store has it as of {stored}"
                    )


def _raw(case: Evidence, truth: Truth, stream: str) -> list[Row]:
    return [row for row in case.books.raw if (row["connection"], row["stream"]) == (truth.connection, stream)]


def tokens_only_grow(case: Evidence) -> Iterator[str]:
    """9: nothing was sent under an older lease than something before it, none under one that was never given out."""
    given = {row["key"]: row["token"] for row in case.books.tables["lease"]}
    for truth in case.truths:
        highest = 0
        for row in case.books.of(truth.connection, truth.object):
            if row["token"] is not None:
                if row["token"] < highest:
                    yield f"intent {row['id']} was sent with token {row['token']}, after one with {highest}"
                highest = max(highest, row["token"])
        issued = given.get(f"connection:{truth.connection}", 0)
        if highest > issued:
            yield f"{truth.connection}: token {highest} was used, but only {issued} were issued"


def sound_store(case: Evidence) -> Iterator[str]:
    """11: the file is whole, and what may be there once is there once."""
    yield from case.books.damage
    place = ("connection", "object", "record_id", "property")
    once = (
        ("open intents", [row for row in case.books.intents if row["state"] in OPEN], place),
        ("standing ledger rows", [row for row in case.books.tables["ledger"] if row["is_current"]], place),
        ("current evaluations", [row for row in case.books.tables["evaluation"] if row["is_current"]], ("account_id",)),
        (
            "open epochs",
            [row for row in case.books.tables["epoch"] if row["state"] == "open"],
            ("connection", "stream"),
        ),
    )
    for what, rows, names in once:
        for key, number in Counter(tuple(row[name] for name in names) for row in rows).items():
            if number > 1:
                yield f"{number} {what} of {' '.join(map(str, key))}"
    for row in case.books.intents:
        if row["state"] not in FINAL and row["state"] not in OPEN:
            yield f"intent {row['id']} is in the unknown state {row['state']}"


def every_run_explained(case: Evidence) -> Iterator[str]:
    """12: a run has one end with a reason, never better than its worst row; its changes are all accounted for."""
    states: Counter[tuple[str, str]] = Counter((row["run_id"], row["state"]) for row in case.books.intents)
    for run in case.books.tables["run"]:
        if run["status"] == "running":
            if case.quiet:
                yield f"run {run['id']} is still shown as running"
            continue
        if run["status"] not in ENDS:
            yield f"run {run['id']} ended {run['status']!r}"
        if run["status"] != "complete" and not run["reason"]:
            yield f"run {run['id']} ended {run['status']} without a reason"
        report = run["report"]
        if report and run["command"] in WRITES and run["status"] in ("complete", "partial"):
            yield from _rows_of(run, report, states)


def _rows_of(run: Row, report: Row, states: Counter[tuple[str, str]]) -> Iterator[str]:
    buckets = report["apply"]
    planned = report["plan"]["changes"]
    if sum(buckets.values()) != planned:
        yield f"run {run['id']} planned {planned} changes and accounts for {buckets}"
    worse = {name: buckets[name] for name in NOT_WELL if buckets[name]}
    if run["status"] == "complete" and worse:
        yield f"run {run['id']} is called complete with {worse}"
    for bucket, names in COUNTED.items():
        known = sum(states[run["id"], name] for name in names)
        if known < buckets[bucket]:
            yield f"run {run['id']} counts {buckets[bucket]} values as {bucket}, the outbox has {known}"
