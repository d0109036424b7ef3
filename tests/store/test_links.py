"""Associations are replaced as a set, and only real changes are reported."""

from __future__ import annotations

from mapping.records import Link
from store import Store, links

KIND = "deals>companies"


def put(store: Store, ws: str, from_ids: list[str], *items: Link) -> list[str]:
    with store.write() as c:
        return links.upsert_links(c, ws, "crm", KIND, 1, from_ids, items)


def test_only_records_whose_links_changed_are_reported(store: Store, ws: str) -> None:
    one, two = Link(KIND, "1", "7", primary=True), Link(KIND, "2", "7")
    assert put(store, ws, ["1", "2", "3"], one, two) == ["1", "2"]
    assert put(store, ws, ["1", "2", "3"], one, two) == []
    assert put(store, ws, ["1", "2"], one, Link(KIND, "2", "7", primary=True)) == ["2"]
    assert put(store, ws, ["1"]) == ["1"]
    with store.read() as c:
        assert list(links.iter_links(c, ws, "crm", KIND)) == [Link(KIND, "2", "7", primary=True)]


def test_the_order_of_the_crm_and_labels_are_kept(store: Store, ws: str) -> None:
    given = (Link(KIND, "1", "9"), Link(KIND, "1", "2", label="partner"), Link(KIND, "1", "2", primary=True))
    put(store, ws, ["1"], *given)
    with store.read() as c:
        assert links.links_from(c, ws, "crm", KIND, ["1", "5"]) == {"1": given}
    assert put(store, ws, ["1"], *reversed(given)) == ["1"]


def test_the_same_link_listed_twice_keeps_its_primary_mark(store: Store, ws: str) -> None:
    put(store, ws, ["1"], Link(KIND, "1", "7", primary=True), Link(KIND, "1", "7"))
    with store.read() as c:
        assert links.links_from(c, ws, "crm", KIND, ["1"])["1"] == (Link(KIND, "1", "7", primary=True),)


def test_iterating_in_small_chunks_sees_every_link_once(store: Store, ws: str) -> None:
    given = [Link(KIND, str(n % 5), str(n)) for n in range(23)]
    put(store, ws, [str(n) for n in range(5)], *given)
    with store.read() as c:
        found = list(links.iter_links(c, ws, "crm", KIND, chunk=4))
    assert sorted(found, key=str) == sorted(given, key=str)
