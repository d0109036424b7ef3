"""An increment from HubSpot with nothing changed and with one record in a hundred changed, counted in calls.

The ideal client asks the least that finds everything. For each object it asks one search, 200 rows a page, and one page
of the archived list, because no search shows what went into the recycle bin; for each kind of association of an object
one batch of up to 1,000 of the changed records, because associations change with no trace in a search; one page of
owners, and the pipelines of each object that has them. It does not look whose portal it is, nor whether the properties
that it asks for are still there; Keepwell does, and these calls count.

The quota is lifted: calls do not depend on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from math import ceil
from typing import Any

import requests

from benchmarks.local import Bench, Ran, served

SEARCH_PAGE, LINKS = 200, 1_000
NAMES = {"companies": "name", "deals": "dealname", "tickets": "subject"}
SHARE = 100
_LISTS = ("GET /crm/v3/owners", "GET /crm/v3/pipelines/deals", "GET /crm/v3/pipelines/tickets")


def run(companies: int, deals: int, tickets: int) -> dict[str, float]:
    """A full pull, an increment with nothing changed, and one after every hundredth record got another name."""
    shape = f"hubspot:{companies},{deals},{tickets}"
    with served(burst=100_000, salesforce=False, shape=shape) as bench:
        bench.keepwell("pull")
        before = bench.stats()["by_route"]
        nothing = bench.keepwell("pull")
        between = bench.stats()["by_route"]
        edited = _edit(bench)
        changed = bench.keepwell("pull")
        found = _found(bench, edited)
        if found != sum(edited.values()) or found != _rows(changed, "updated"):
            raise RuntimeError(f"{sum(edited.values())} records were changed, {found} of them are in the store")
        streams = nothing.answer["pull"]["hubspot"]
        ideal = ideal_calls(streams, {}), ideal_calls(streams, edited)
        return {
            "streams": len(streams),
            "calls": _calls(nothing),
            "calls_a_stream": _calls(nothing) / len(streams),
            "most_of_a_stream": _most(before, between),
            "ideal_calls": ideal[0],
            "changed": found,
            "calls_changed": _calls(changed),
            "ideal_changed": ideal[1],
            "times_ideal": _calls(changed) / ideal[1],
            "seconds": nothing.seconds,
            "seconds_changed": changed.seconds,
        }


def ideal_calls(streams: Mapping[str, Mapping[str, Any]], changed: Mapping[str, int]) -> int:
    """Fewest calls that find `changed` (object → records) in these streams."""
    calls = len(_LISTS)
    for name in streams:
        source, _, target = name.partition(">")
        if target:
            calls += ceil(changed.get(source, 0) / LINKS)
        elif name not in {"owners", "deal_stages", "ticket_stages"}:
            calls += max(1, ceil(changed.get(name, 0) / SEARCH_PAGE)) + 1
    return calls


def _calls(ran: Ran) -> int:
    return int(ran.answer["api"]["hubspot"]["requests"])


def _rows(ran: Ran, count: str) -> int:
    return sum(int(stream[count]) for name, stream in ran.answer["pull"]["hubspot"].items() if name in NAMES)


def _most(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """Calls of the stream that took most of them: its searches and its archived list."""
    used = {route: count - before.get(route, 0) for route, count in after.items()}
    objects: dict[str, int] = {}
    for route, count in used.items():
        _, _, place = route.partition("/crm/v3/objects/")
        if place:
            objects[place.removesuffix("/search")] = objects.get(place.removesuffix("/search"), 0) + count
    return max(objects.values())


def _edit(bench: Bench) -> dict[str, int]:
    """Give every hundredth record another name, as people do; returns how many records of each object."""
    with requests.Session() as people:
        return {name: sum(_edit_one(bench, people, name, one) for one in _ids(bench, name)[::SHARE]) for name in NAMES}


def _edit_one(bench: Bench, people: requests.Session, name: str, record_id: str) -> int:
    body = {"object": name, "id": record_id, "properties": {NAMES[name]: f"changed {record_id}"}}
    people.post(f"{bench.hubspot}/_sandbox/edit", json=body, timeout=30).raise_for_status()
    return 1


def _ids(bench: Bench, name: str) -> list[str]:
    with closing(sqlite3.connect(bench.store)) as db:
        rows = db.execute("SELECT id FROM raw_record WHERE stream = ? AND NOT archived ORDER BY id", (name,))
        return [one for (one,) in rows]


def _found(bench: Bench, edited: Mapping[str, int]) -> int:
    """How many effects of the portal's own journal the store shows."""
    effects = requests.get(f"{bench.hubspot}/_sandbox/journal", timeout=60).json()
    truth = {(one["object"], one["id"]): one["new"] for one in effects if one["property"] == NAMES.get(one["object"])}
    found = 0
    with closing(sqlite3.connect(bench.store)) as db:
        for name in edited:
            for record_id, payload in db.execute("SELECT id, payload FROM raw_record WHERE stream = ?", (name,)):
                wanted = truth.get((name, record_id))
                found += wanted is not None and json.loads(payload)[NAMES[name]] == wanted
    return found
