"""Entities go in as rows and come out as frames with the right types, whole or in slices."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from mapping.records import ENTITIES
from store import Store, entities, frames, identity
from store.identity import AccountLink, Review


def deal(number: int, account: str, **fields: object) -> dict[str, object]:
    return {"id": str(number), "stream": "deals", "account_ref": account, **fields}


def link(account: str, connection: str, crm_id: str) -> AccountLink:
    return AccountLink(account, connection, "companies", crm_id, "own")


def test_a_person_decides_while_a_run_stores_what_is_open(store: Store, ws: str, now: datetime) -> None:
    before, after = Review("conflicting_ids", (["a", "1"],), "one"), Review("conflicting_ids", (["a", "2"],), "other")
    began = threading.Event()

    def decide() -> None:
        began.set()
        with store.write() as c:
            identity.replace_reviews(c, ws, [after], now)

    with ThreadPoolExecutor(1) as pool:
        with store.write() as c:
            identity.replace_reviews(c, ws, [before, after], now)
            deciding = pool.submit(decide)
            began.wait()
            time.sleep(0.2)
        deciding.result(timeout=60)
    with store.read() as c:
        assert identity.reviews(c, ws) == [after]


def test_every_entity_has_its_columns_and_types_even_without_rows(store: Store, ws: str) -> None:
    with store.read() as c:
        for entity, fields in ENTITIES.items():
            empty = frames.frame(c, ws, entity)
            assert empty.columns == ["connection", "id", "stream", *(field.name for field in fields)]
            assert dict(empty.schema) == frames.schema(entity)


def test_values_come_back_with_their_types(store: Store, ws: str, now: datetime) -> None:
    row = {
        "id": "1",
        "stream": "companies",
        "name": "Acme ␀ 𝄞",
        "employees": 2**53 + 1,
        "arr": Decimal("-1234567890123456.789"),
        "logins_per_user_week": 0.1,
        "strategic_flag": False,
        "go_live_at": date(1999, 12, 31),
        "created_at": now,
    }
    with store.write() as c:
        assert entities.replace_entities(c, ws, "account", "crm", [row]) == 1
        found = frames.frame(c, ws, "account")
    assert found.schema["arr"] == pl.Decimal(38, 6)
    assert {name: found[name][0] for name in row} == row
    assert found["auto_renew"][0] is None


def test_a_replaced_row_forgets_fields_that_are_not_given_again(store: Store, ws: str) -> None:
    with store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [deal(1, "7", name="old", amount=Decimal(5))])
        entities.replace_entities(c, ws, "deal", "crm", [deal(1, "8")])
        assert frames.frame(c, ws, "deal").select("account_ref", "name", "amount").row(0) == ("8", None, None)
        assert entities.count(c, ws, "deal") == 1


def test_the_same_id_in_two_streams_is_two_rows(store: Store, ws: str) -> None:
    stages = [{"id": "1", "stream": stream, "object": stream} for stream in ("deal_stages", "ticket_stages")]
    with store.write() as c:
        entities.replace_entities(c, ws, "stage", "crm", stages)
        assert entities.count(c, ws, "stage", "crm") == 2
        assert entities.delete_entities(c, ws, "stage", "crm", ["1"], stream="deal_stages") == 1
        assert entities.clear_entities(c, ws, "stage", "crm", "ticket_stages") == 1
        assert entities.count(c, ws, "stage", "crm") == 0


def test_an_unknown_field_is_named(store: Store, ws: str) -> None:
    with pytest.raises(KeyError, match="colour"), store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [deal(1, "7", colour="red")])


def test_slices_make_up_the_whole(store: Store, ws: str) -> None:
    with store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [deal(n, "7") for n in range(25)])
    with store.read() as c:
        slices = list(frames.frames(c, ws, "deal", rows=10))
        assert [part.height for part in slices] == [10, 10, 5]
        assert pl.concat(slices).equals(frames.frame(c, ws, "deal"))
        assert list(frames.frames(c, ws, "ticket", rows=10)) == []


def test_rows_of_some_accounts_only(store: Store, ws: str, now: datetime) -> None:
    links = [link("hubspot:7", "hubspot", "7"), link("hubspot:7", "salesforce", "001A"), link("x", "salesforce", "7")]
    meetings = [{"id": "m1", "stream": "meetings", "account_ref": "7"}]
    attendances = [{"id": f"a{n}", "stream": "guests", "meeting_ref": f"m{n}", "contact_ref": "c"} for n in (1, 2)]
    with store.write() as c:
        entities.replace_entities(c, ws, "account", "hubspot", [{"id": "7", "stream": "companies"}])
        entities.replace_entities(c, ws, "deal", "hubspot", [deal(1, "7"), deal(2, "8")])
        entities.replace_entities(c, ws, "deal", "salesforce", [deal(3, "001A"), deal(4, "7")])
        entities.replace_entities(c, ws, "meeting", "hubspot", meetings)
        entities.replace_entities(c, ws, "attendance", "hubspot", attendances)
        identity.replace_identity(c, ws, links, [], now)
    with store.read() as c:
        mine = ["hubspot:7"]
        assert frames.frame(c, ws, "account", account_ids=mine)["id"].to_list() == ["7"]
        assert frames.frame(c, ws, "deal", account_ids=mine)["id"].to_list() == ["1", "3"]
        assert frames.frame(c, ws, "deal", connection="salesforce", account_ids=mine)["id"].to_list() == ["3"]
        assert frames.frame(c, ws, "meeting", account_ids=mine)["id"].to_list() == ["m1"]
        assert frames.frame(c, ws, "attendance", account_ids=mine)["id"].to_list() == ["a1"]
        assert frames.frame(c, ws, "deal", account_ids=[]).is_empty()
        with pytest.raises(ValueError, match="do not belong to an account"):
            frames.frame(c, ws, "owner", account_ids=mine)


def test_what_no_row_fills_is_told_and_need_not_be_read(store: Store, ws: str) -> None:
    with store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [deal(1, "a", arr=Decimal(5)), deal(2, "b", name="")])
        entities.replace_entities(c, f"{ws}-other", "deal", "crm", [deal(3, "c", stage="won")])
    with store.read() as c:
        assert frames.filled(c, ws, "deal") == {"account_ref", "arr", "name"}
        assert frames.filled(c, ws, "ticket") == frozenset()
        read = frames.frame(c, ws, "deal", fields=frames.filled(c, ws, "deal"))
        assert frames.frame(c, ws, "ticket", fields=()).columns == ["connection", "id", "stream", "account_ref"]
        whole = frames.frame(c, ws, "deal")
    assert read.equals(whole.select(read.columns))
    assert all(whole[name].null_count() == 2 for name in whole.columns if name not in read.columns)


def test_identity_is_replaced_as_a_whole(store: Store, ws: str, now: datetime) -> None:
    first = [link("hubspot:1", "hubspot", "1"), link("hubspot:1", "salesforce", "001")]
    second = [AccountLink("hubspot:2", "hubspot", "companies", "2", "domain", writable=False)]
    reviews = [Review("duplicate", ("hubspot:2", {"id": 5}), "two with one domain"), Review("other", (), "why")]
    with store.write() as c:
        identity.replace_identity(c, ws, first, [Review("old", (), "")], now)
        identity.replace_identity(c, ws, second, reviews, now)
    with store.read() as c:
        assert identity.links(c, ws) == second
        assert identity.links(c, ws, ["hubspot:1"]) == []
        assert identity.reviews(c, ws) == reviews
        assert identity.find(c, ws, "2") == second
        assert identity.link_frame(c, ws).rows() == [("hubspot:2", "hubspot", "companies", "2", "domain", False)]


def test_account_chunks_hold_every_account_once(store: Store, ws: str, now: datetime) -> None:
    links = [link(f"a{n:02}", connection, str(n)) for n in range(7) for connection in ("hubspot", "salesforce")]
    with store.write() as c:
        identity.replace_identity(c, ws, links, [], now)
        assert [len(ids) for ids in identity.account_chunks(c, ws, 3)] == [3, 3, 1]
        assert [account for ids in identity.account_chunks(c, ws, 3) for account in ids] == [
            f"a{n:02}" for n in range(7)
        ]


def test_children_are_found_by_the_records_of_their_parent(store: Store, ws: str, now: datetime) -> None:
    rows = [
        {"id": "1", "stream": "companies"},
        {"id": "2", "stream": "companies", "parent_ref": "1"},
        {"id": "3", "stream": "companies", "parent_ref": "9"},
    ]
    links = [AccountLink(f"account {one['id']}", "crm", "companies", one["id"], "alone") for one in rows]
    with store.write() as c:
        entities.replace_entities(c, ws, "account", "crm", rows)
        entities.replace_entities(c, ws, "account", "other", [{"id": "4", "stream": "a", "parent_ref": "1"}])
        identity.replace_identity(c, ws, links, [], now)
    with store.read() as c:
        assert identity.children(c, ws, links[:2]) == ["account 2"]
        assert identity.children(c, ws, links[1:]) == []
        assert identity.children(c, "elsewhere", links) == []
        found = identity.named(c, ws, [("crm", "1"), ("crm", "7"), ("other", "4")])
        assert found == {("crm", "1"): (None, None), ("other", "4"): (None, None)}
        assert identity.beginning_with(c, ws, "crm", "2") == [("crm", "2")]


def test_a_row_whose_account_is_none_is_a_stray_and_each_connection_has_its_own(
    store: Store, ws: str, now: datetime
) -> None:
    def answer(name: str, account: str | None) -> dict[str, object]:
        return {"id": name, "stream": "surveys", "account_ref": account, "type": "nps", "score": 9.0}

    with store.write() as c:
        identity.replace_identity(c, ws, [link("one", "a", "1"), link("two", "b", "2")], [], now)
        for connection in ("a", "b"):
            rows = [answer("of 1", "1"), answer("of 2", "2"), answer("of nobody", None)]
            entities.replace_entities(c, ws, "survey", connection, rows)
        found = {one: frames.strays(c, ws, "survey", one, "companies") for one in ("a", "b", "c")}
        elsewhere = frames.strays(c, ws, "survey", "a", "accounts")
    assert {one: frame["id"].to_list() for one, frame in found.items()} == {
        "a": ["of 2", "of nobody"],
        "b": ["of 1", "of nobody"],
        "c": [],
    }
    assert dict(found["c"].schema) == frames.schema("survey")
    assert elsewhere["id"].to_list() == ["of 1", "of 2", "of nobody"], "what links is another object's record"
