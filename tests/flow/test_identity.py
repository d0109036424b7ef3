"""Deciding who is who: what a decision says comes true at the next run, and nobody's value is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboard.explanation import show_explanation
from dashboard.identities import show_decided, show_reviews
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from store import decisions, identity
from store.identity import AccountLink
from sync import faults
from sync.engine import run_apply, run_plan
from sync.errors import UsageError
from sync.explain import explain_account
from sync.identities import forget, link, listed, split
from sync.planbook import find_plan, records
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig
from tests.flow.test_cli_trouble import Run, caller
from tests.unit.cli.test_terminal import HOSTILE, screen

Key = tuple[str, str]


def links_of(made: Rig) -> list[AccountLink]:
    with made.deps() as deps, deps.store.read() as c:
        return identity.links(c, deps.workspace)


def joined(made: Rig, how: str = "explicit", skip: int = 0) -> tuple[str, str]:
    """A HubSpot company and a Salesforce account that are one, by this rule."""
    accounts: dict[str, dict[str, str]] = {}
    for one in links_of(made):
        if one.how == how:
            accounts.setdefault(one.account_id, {})[one.connection] = one.crm_id
    pairs = [one for _, one in sorted(accounts.items()) if len(one) == 2]
    return f"hubspot:{pairs[skip]['hubspot']}", f"salesforce:{pairs[skip]['salesforce']}"


def alone(made: Rig, connection: str, skip: int = 0) -> str:
    found = sorted(one.crm_id for one in links_of(made) if one.how == "alone" and one.connection == connection)
    return f"{connection}:{found[skip]}"


def plan_of(made: Rig) -> dict[tuple[str, str], dict[str, str | None]]:
    """What the next run would write: (connection, record) → property → value."""
    with made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        found = list(records(deps.store, find_plan(deps.store, report.plan.plan_id)))
    return {
        (one.connection, one.record_id): {change["property"]: change["after"] for change in one.changes
                                          if change["field"] != "scored_at"}
        for one in found if one.changes
    }  # fmt: skip


def told(page: dict[str, Any]) -> dict[tuple[str, str], dict[str, str | None]]:
    return {
        (one["connection"], one["id"]): {change["property"]: change["after"] for change in one["changes"]}
        for one in page["records"] if one["changes"]
    }  # fmt: skip


def values(made: Rig, *places: str) -> list[dict[str, str | None]]:
    """What is computed of the accounts of some records."""
    with made.deps() as deps:
        found = [explain_account(deps, place) for place in places]
    return [{one["field"]: one["value"] for one in data["values"] if one["field"] != "scored_at"} for data in found]


@pytest.fixture
def synced(tmp_path: Path, either_store: str | None) -> Iterator[Rig]:
    with rig(tmp_path, salesforce=True, store=either_store, synced=True) as made:
        yield made


def test_two_accounts_become_one_and_come_apart_again(synced: Rig) -> None:
    before = links_of(synced)
    company, account = alone(synced, "hubspot"), alone(synced, "salesforce")
    with synced.deps() as deps:
        page = link(deps, [account, company], "they told us")
    assert [(one["account_id"], one["new"], len(one["records"])) for one in page["accounts"]] == [(company, False, 2)]
    assert page["ends"] == [account]
    assert links_of(synced) == before, "a decision counts from the next run on"

    assert plan_of(synced) == told(page)
    assert synced.sync().status == "complete"
    first, second = values(synced, company, account)
    assert first == second
    assert [one.how for one in links_of(synced) if one.account_id == company] == ["manual", "manual"]
    assert synced.sync().buckets().planned == 0

    with synced.deps() as deps:
        page = forget(deps, [account])
    assert plan_of(synced) == told(page)
    assert synced.sync().status == "complete"
    assert links_of(synced) == before
    assert_sound(synced)


def test_what_is_split_off_shows_its_own_values_and_a_person_keeps_hers(synced: Rig) -> None:
    company, account = joined(synced)
    record = company.partition(":")[2]
    synced.person("edit", object="companies", id=record, properties={"cs_health_reasons": "hers"})
    synced.sync()
    with synced.deps() as deps:
        page = split(deps, [account])
    assert {(one["account_id"], one["new"]) for one in page["accounts"]} == {(company, False), (account, True)}
    assert "cs_health_reasons" not in told(page).get(("hubspot", record), {})
    assert [held["property"] for one in page["records"] for held in one["held"]] == ["cs_health_reasons"]

    assert plan_of(synced) == told(page)
    since = len(synced.journal())
    synced.sync()
    assert synced.company(record)["cs_health_reasons"] == "hers"
    assert all(one.get("property") != "cs_health_reasons" for one in synced.ours(since=since) if one["id"] == record)
    with synced.deps() as deps:
        found = {place: explain_account(deps, place) for place in (company, account)}
    for place, data in found.items():
        assert [f"{one['connection']}:{one['id']}" for one in data["records"]] == [place]
        shown = {one["field"]: one["seen"] for one in data["in_crm"]}
        computed = {one["field"]: one["value"] for one in data["values"]}
        differ = {name for name, seen in shown.items() if name in computed and seen != computed[name]}
        assert differ <= ({"health_reasons", "scored_at"} if place == company else {"scored_at"})
    assert synced.sync().buckets().planned == 0


def test_a_plan_made_before_a_decision_is_stale(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made, made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        link(deps, [alone(made, "hubspot"), alone(made, "salesforce")])
        applied = run_apply(deps, report.plan.plan_id)
        assert (applied.status, applied.exit_code) == ("refused", 5)
        assert "which records are one account" in (applied.reason or "")
        assert made.ours() == []


def test_a_plan_is_stale_when_somebody_decided_while_it_was_made(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made, made.deps() as deps:
        run_plan(deps)
        pair = [alone(made, "hubspot"), alone(made, "salesforce")]

        def decide(point: str) -> None:
            if point == "plan.begun":
                faults.arm(None)
                with made.deps() as others:
                    link(others, pair)

        faults.arm(decide)
        report = run_plan(deps)
        assert report.plan is not None
        applied = run_apply(deps, report.plan.plan_id)
        assert (applied.status, applied.exit_code) == ("refused", 5)
        assert "which records are one account" in (applied.reason or "")
        report = run_plan(deps)
        assert report.plan is not None
        assert run_apply(deps, report.plan.plan_id).status == "complete"


def test_a_link_follows_a_merge_and_two_that_meet_in_one_are_listed(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        first, second, third = (alone(made, "hubspot", skip) for skip in range(3))
        one, other = (alone(made, "salesforce", skip) for skip in range(2))
        with made.deps() as deps:
            link(deps, [first, one])
        made.sync()
        made.person("merge", object="companies", id=second.partition(":")[2], other=first.partition(":")[2])
        assert made.sync().status == "complete"
        accounts = {f"{link.connection}:{link.crm_id}": link.account_id for link in links_of(made)}
        survivor = accounts[one]
        assert first not in accounts
        assert min(place for place, account in accounts.items() if account == survivor).startswith("hubspot:")

        with made.deps() as deps:
            link(deps, [third, other])
        made.sync()
        live = next(place for place, account in accounts.items() if account == survivor and place != one)
        made.person("merge", object="companies", id=live.partition(":")[2], other=third.partition(":")[2])
        report = made.sync()
        assert report.reviews == 1
        with made.deps() as deps:
            page = listed(deps, everything=True)
        (review,) = page["reviews"]
        assert review["kind"] == "conflicting_decisions"
        assert {one["state"] for one in page["decisions"]} == {"contradicted"}
        assert {f"{one['connection']}:{one['id']}" for one in review["records"]} >= {one, other}
        blocked = {f"{one.connection}:{one.crm_id}" for one in links_of(made) if not one.writable}
        assert blocked == {f"{one['connection']}:{one['id']}" for one in review["records"]}

        with made.deps() as deps:
            forget(deps, [next(line["id"] for line in page["decisions"] if line["records"][1]["id"] in other)])
            assert listed(deps)["reviews"] == []
        made.sync()
        assert all(one.writable for one in links_of(made))
        assert_sound(made)


def test_decisions_about_what_is_gone_are_idle_and_come_back_with_it(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        company, account = alone(made, "hubspot"), alone(made, "salesforce")
        with made.deps() as deps:
            link(deps, [company, account])
        made.person("archive", object="companies", id=company.partition(":")[2])
        made.sync()
        with made.deps() as deps:
            (decision,) = listed(deps, everything=True)["decisions"]
        assert decision["state"] == "idle"
        assert decision["gone"] == [{"connection": "hubspot", "id": company.partition(":")[2], "merged_into": None}]
        assert [one.how for one in links_of(made) if one.crm_id in account] == ["alone"]


def test_what_makes_no_sense_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        company, account = joined(made)
        second, other = joined(made, skip=1)
        with made.deps() as deps:
            refusals = [
                ([company, second, account], "one account by decision, but an account has one record of each CRM"),
                ([company], "at least two records"),
                ([company, company], "at least two records"),
                (["hubspot:4711", account], "There is no account record '4711' of hubspot"),
                (["Kestrelworks", account], "is neither CONNECTION:ID nor the id of an open review"),
                (["gainsight:1", account], "the connections are hubspot, salesforce"),
            ]
            for words, message in refusals:
                with pytest.raises(UsageError, match=message):
                    link(deps, words)
            with pytest.raises(UsageError, match=r"Perhaps you mean hubspot:10000000014 \(Kestrelworks Software"):
                split(deps, ["hubspot:Kestrelworks"])
            with pytest.raises(UsageError, match="No decision that counts"):
                forget(deps, [company])
            with deps.store.read() as c:
                assert decisions.decisions(c, deps.workspace, everything=True) == []

            (kept,) = link(deps, [company, account])["decisions"]
            for again in (lambda: link(deps, [account, company]), lambda: split(deps, [company])):
                with pytest.raises(UsageError, match=r"decided already|of its own, and to be one account"):
                    again()
            with pytest.raises(UsageError, match=kept["id"]):
                link(deps, [company, other])
            split(deps, [second])
            with pytest.raises(UsageError, match="of its own"):
                link(deps, [second, other])
            made.person("archive", object="companies", id=second.partition(":")[2])
        made.sync()
        with made.deps() as deps, pytest.raises(UsageError, match="was deleted or archived in hubspot"):
            link(deps, [second, other])


@pytest.fixture
def crms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.chdir(tmp_path)
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(14, 7, date(2026, 11, 20)), state_dir=tmp_path, hubspot_options=options) as started:
        yield started


@pytest.fixture
def keepwell(crms: Running, tmp_path: Path) -> Run:
    made = caller(crms, tmp_path)
    assert made("fields", "apply").exit_code == 0
    assert made("sync").exit_code == 0
    return made


def test_a_case_from_the_list_to_its_end(crms: Running, keepwell: Run) -> None:
    assert keepwell("identity", "list").stdout == "Nothing to decide: no record is in doubt about its account.\n"
    live = crms.hubspot.portal.stores["companies"].live
    one, other = 10000000035, 10000000042
    live[one].values["name"] = "\x1b[31mTwin"
    domain = live[other].values["domain"]
    _edit(crms, one, domain=domain)
    told = keepwell("sync")
    assert told.exit_code == 0
    assert "1 case of records that may be one account: `keepwell identity list`" in told.stdout

    page = json.loads(keepwell("identity", "list", "--json").stdout)
    (review,) = page["reviews"]
    assert set(review) == {"id", "kind", "reason", "records", "next"}
    assert [set(record) for record in review["records"]] == [{"connection", "id", "name", "domain"}] * 2
    text = keepwell("identity", "list").stdout
    assert "\x1b" not in text
    assert f"{review['id']}  Several records share a domain" in text
    assert f"each is a company of its own: keepwell identity split {review['id']}" in text
    assert "they are duplicates: merge them in hubspot" in text

    refused = keepwell("identity", "link", review["id"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Merge the duplicates in their CRM" in refused.stderr
    decided = keepwell("identity", "split", review["id"], "--reason", "two sites")
    assert decided.exit_code == 0, decided.stderr
    assert "is an account of its own" in decided.stdout
    assert "Nothing changes: the records are joined that way already." in decided.stdout
    after = keepwell("identity", "list").stdout
    assert "Nothing to decide" in after
    assert "2 decisions count; `--all` shows them." in after
    assert "two sites" in keepwell("identity", "list", "--all").stdout
    assert keepwell("identity", "split", review["id"]).exit_code == 2, "a case that is decided has no name any more"

    taken = json.loads(keepwell("identity", "forget", f"hubspot:{one}", "--json").stdout)
    assert set(taken) == {"decisions", "accounts", "ends", "records", "reviews"}
    assert [line["state"] for line in taken["decisions"]] == ["taken_back"]
    assert taken["reviews"] == 0, "the other one is still decided to be on its own"
    keepwell("identity", "forget", f"hubspot:{other}")
    assert json.loads(keepwell("identity", "list", "--json").stdout)["reviews"] == page["reviews"]


def test_the_commands_say_what_will_change(crms: Running, keepwell: Run) -> None:
    linked = keepwell("identity", "link", "hubspot:10000000035", "salesforce:001kW0000000003")
    assert linked.exit_code == 0, linked.stderr
    assert "salesforce:001kW0000000003QAA (Indigyard Textiles Oy" in linked.stdout
    assert "are one account" in linked.stdout
    assert "salesforce:001kW0000000003QAA ends;" in linked.stdout
    assert "What the next run writes" in linked.stdout
    assert "To take it back: keepwell identity forget d-" in linked.stdout
    assert keepwell("sync").exit_code == 0
    forgotten = keepwell("identity", "forget", "hubspot:10000000035")
    assert "taken back" in forgotten.stdout


def test_names_from_a_crm_do_nothing() -> None:
    record = {"connection": "hubspot", "id": HOSTILE, "name": HOSTILE, "domain": HOSTILE}
    way = {"what": "take decisions back", "command": f"keepwell identity forget hubspot:{HOSTILE}"}
    review = {"id": "r-1", "kind": "conflicting_ids", "reason": HOSTILE, "records": [record], "next": [way]}
    shown = screen(show_reviews, {"reviews": [review], "decided": 0, "decisions": []})
    decision = {
        "id": "d-1",
        "kind": "link",
        "state": "idle",
        "records": [record, record],
        "gone": [],
        "reason": HOSTILE,
    }
    change = {"property": "cs_segment", "before": HOSTILE, "after": HOSTILE}
    line = {**record, "account_id": HOSTILE, "writable": True, "computed": True, "changes": [change], "held": []}
    account = {"account_id": HOSTILE, "new": True, "records": [record]}
    page = {"decisions": [decision], "accounts": [account], "ends": [HOSTILE], "records": [line], "reviews": 0}
    shown += screen(show_decided, page)
    assert "\x1b" not in shown
    assert "[bold]" in shown


def _edit(crms: Running, record: int, **properties: str) -> None:
    import requests

    body = {"object": "companies", "id": str(record), "properties": properties}
    requests.post(f"{crms.hubspot_url}/_sandbox/edit", json=body, timeout=60).raise_for_status()


def test_explain_rolls_children_up(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        parent, first, second = (alone(made, "hubspot", skip) for skip in range(3))
        for one in (first, second):
            body = {"hs_parent_company_id": parent.partition(":")[2]}
            made.crm.hubspot.portal.stores["companies"].live[int(one.partition(":")[2])].values.update(body)
            made.person("edit", object="companies", id=one.partition(":")[2], properties={"name": f"Child {one}"})
        made.sync()
        with made.deps() as deps:
            data, leaf = explain_account(deps, parent), explain_account(deps, first)
            scores = [explain_account(deps, one)["explanation"]["health"]["score"] for one in (first, second)]
        assert leaf["children"] is None
        assert [one["account_id"] for one in data["children"]["accounts"]] == sorted([first, second])
        assert sorted(one["score"] for one in data["children"]["accounts"]) == sorted(scores)
        assert "Children: 2" in screen(show_explanation, data)
        assert "mean weighted by revenue" in screen(show_explanation, data)
