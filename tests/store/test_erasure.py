"""An account goes with everything that is its own, and nothing of another one does."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import Connection, insert, select

from mapping.records import Link, RawRecord
from store import Store, entities, erasure, evaluations, identity, ledger, links, plans, raw, runs
from store.evaluations import NewEvaluations
from store.identity import AccountLink
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation, metadata, raw_record, timeline_entry
from store.types import dump_json
from tests.store.sample import kept

ONE = ("crm", "companies", "1")
PARENTS, NAMED = {("crm", "deals"): ["company"]}, {("crm", "companies"): ["name"]}


def portfolio(c: Connection, ws: str, now: datetime) -> None:
    """Two accounts with a ticket each, one that both share and is the second's, and one of the first's that is gone."""
    companies = [RawRecord(one, {"name": f"Company {one}"}) for one in ("1", "2", "3")]
    raw.upsert_page(c, ws, "crm", "companies", 1, companies, now)
    raw.upsert_page(c, ws, "crm", "tickets", 1, [RawRecord(one, {"subject": one}) for one in "abcd"], now)
    raw.upsert_page(
        c,
        ws,
        "crm",
        "deals",
        1,
        [RawRecord("x", {"company": "1"}), RawRecord("y", {"company": "2"}), RawRecord("z", {"company": ["1"]})],
        now,
    )
    raw.mark_gone(c, ws, "crm", "tickets", ["d"], now)
    raw.mark_gone(c, ws, "crm", "deals", ["x", "y", "z"], now)
    owners = {"a": ["1"], "b": ["2"], "c": ["1", "2"], "d": ["1"]}
    pairs = [Link("tickets>companies", one, to) for one, each in owners.items() for to in each]
    links.upsert_links(c, ws, "crm", "tickets>companies", 1, list(owners), pairs)
    parents = [Link("companies>companies", "3", "1")]
    links.upsert_links(c, ws, "crm", "companies>companies", 1, ["3"], parents)
    rows = [{"id": one, "stream": "tickets", "account_ref": to} for one, to in (("a", "1"), ("b", "2"), ("c", "2"))]
    entities.replace_entities(c, ws, "ticket", "crm", rows)
    identity.replace_identity(c, ws, [AccountLink(one, "crm", "companies", one, "id") for one in ("1", "2")], [], now)
    new = NewEvaluations(
        ["1", "2"], ["h1", "h2"], [dump_json({"values": {}})] * 2, [10.0, 90.0], ["red", "green"], [None, None]
    )
    evaluations.save(c, ws, "run", "m", now, new, pl.concat([kept("1"), kept("2")]))
    fallen = {"workspace": ws, "connection": "crm", "object": "companies", "as_of": now}
    # The CRM gave the entry of the first account the id that the second one has among the companies.
    entered = [fallen | {"key": f"key-{one}", "account_id": one, "record_id": own} for one, own in ("12", "21")]
    c.execute(insert(timeline_entry), entered)
    lines = [{"account_id": one, "name": f"Company {one}"} for one in ("1", "2")]
    notes = [f"crm: {of} shows 'x' in y" for of in ("companies 1", "companies 2", "1 companies", "entries key-1")]
    runs.start(c, ws, "run", "sync", as_of=now, version="1", now=now)
    runs.finish(c, ws, "run", status="complete", reason=None, report={"top": lines, "notes": notes, "n": 2}, now=now)
    for run_id, state in (("run", "applied"), ("other", "ready")):
        key = plans.create(c, ws, PlanHeader(run_id, now, now, run_id, "m", {}))
        plans.add_records(c, ws, key, [PlanRecord("crm", "companies", one, one) for one in ("1", "2")])
        plans.set_state(c, ws, plans.finish(c, ws, key, cost={}, counts={}), state)  # type: ignore[arg-type]


def test_an_account_goes_with_what_is_its_own_and_no_more(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        portfolio(c, ws, now)
        doomed = erasure.find(c, ws, "1", [ONE], parents=PARENTS, named=NAMED)
        assert doomed.records == {ONE}
        assert doomed.children == {("crm", "tickets", "a"), ("crm", "tickets", "d"), ("crm", "deals", "x")}
        assert doomed.names == ("Company 1",)
        assert doomed.made == {("crm", "key-1")}
        found = erasure.erase(c, ws, doomed)
        assert c.execute(select(timeline_entry.c.key).where(timeline_entry.c.workspace == ws)).scalars().all() == [
            "key-2"
        ]
        assert {name: found[name] for name in ("raw_record", "entity_ticket", "evaluation", "run")} == {
            "raw_record": 4, "entity_ticket": 1, "evaluation": 1, "run": 1
        }  # fmt: skip
        left = set(c.execute(select(raw_record.c.stream, raw_record.c.id).where(raw_record.c.workspace == ws)).all())
        assert left == {
            ("companies", "2"), ("companies", "3"), ("tickets", "b"), ("tickets", "c"), ("deals", "y"), ("deals", "z")
        }  # fmt: skip
        assert [one.to_id for one in links.links_from(c, ws, "crm", "tickets>companies", ["c"])["c"]] == ["2"]
        assert identity.links(c, ws, ["1"]) == []
        assert len(identity.links(c, ws, ["2"])) == 1
        (number,) = c.execute(select(evaluation.c.id).where(evaluation.c.workspace == ws)).scalars()
        ((_, health),) = evaluations.healths(c, ws, [number])
        assert health["metrics"][0]["points"] == 50.0, "the other's part of the block is as it was"
        blocks = metadata.tables["evaluation_block"]
        (packed,) = c.execute(select(blocks.c.packed).where(blocks.c.workspace == ws)).scalars()
        assert packed.get_column("account_id").to_list() == ["2"]
        run = runs.get(c, ws, "run")
        assert run is not None
        assert run.report == {
            "top": [{"account_id": "2", "name": "Company 2"}],
            "notes": ["crm: companies 2 shows 'x' in y", "crm: 1 companies shows 'x' in y"],
            "n": 2,
        }
        plan = plans.latest(c, ws)
        assert plan is not None
        assert (plan.header.run_id, plan.state) == ("run", "applied"), "one that was not carried out went"
        assert [one.account_id for one in plans.iter_records(c, ws, plan.id or "")] == ["2"]
        assert ledger.count_standing(c, ws, "crm", "companies") == 0
        again = erasure.find(c, ws, "1", [ONE], parents=PARENTS, named=NAMED)
        assert erasure.erase(c, ws, again) == {}


def test_an_account_of_which_nothing_is_known_takes_nothing_along(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        portfolio(c, ws, now)
        assert erasure.erase(c, ws, erasure.find(c, ws, "", [], parents=PARENTS, named=NAMED)) == {}
        assert erasure.undecided(c, ws, erasure.find(c, ws, "", [], parents=PARENTS, named=NAMED)) == 0
