"""What names a forgotten person is found in a text, and nothing else is."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.forgotten import Entry, Forgotten, address_entry, contact_entry, phrase_entry, record_entry

SALT = "a" * 64
ANN = address_entry(SALT, "Ann.Canary@Example.com")
NAME = phrase_entry(SALT, "Ann Canary")
PHONE = phrase_entry(SALT, "+45 12 34 56 78")
KNOWN = Forgotten(SALT, frozenset({ANN, NAME, PHONE}))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("ann.canary@example.com", ANN),
        ("<ANN.CANARY@EXAMPLE.COM>", ANN),
        ("mailto:ann.canary%40example.com?subject=x", ANN),
        ("'ann.canary@example.com'", ANN),
        ("write to ann.canary@example.com.", ANN),
        ("_ann.canary@example.com_", ANN),
        ("Call with Ann Canary", NAME),
        ("ann  CANARY: late", NAME),
        ("Ann\nCanary", NAME),
        ("+45 12-34-56-78", PHONE),
    ],
)
def test_it_is_found_however_it_is_written(text: str, entry: Entry) -> None:
    cleaned = KNOWN.text(text)
    assert entry.pseudonym in cleaned
    assert "canary" not in cleaned.lower()
    assert KNOWN.text(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "joann.canary@example.com", "jo.ann.canary@example.com", "ann.canary@example.org", "ann.canary@my.example.com",
        "Annabel Canary", "Ann Canaryson", "Ann and Canary", "12 34 56 78", "", "@", "a@b",
    ],
)  # fmt: skip
def test_somebody_else_is_not(text: str) -> None:
    assert KNOWN.text(text) == text


@pytest.mark.parametrize("address", ["r&d@example.com", "a/b=c@example.com", f"{'a' * 70}@example.com", "x@[10.0.0.1]"])
def test_an_unusual_address_is_found_as_well(address: str) -> None:
    entry = address_entry(SALT, address)
    known = Forgotten(SALT, frozenset({entry}))
    assert entry.pseudonym in known.text(f"Wrote to <{address.upper()}>.")
    assert address not in known.text(f"Wrote to <{address}>.")
    assert known.user({"name": "A", "email": address})["name"] != "A"
    assert known.text("d@example.com, b@example.com") == "d@example.com, b@example.com"


def test_documents_keep_their_shape_and_their_keys() -> None:
    document = {"ann.canary@example.com": ["Ann Canary", 1, None, True, {"x": "ok"}]}
    assert KNOWN.value(document) == {"ann.canary@example.com": [NAME.pseudonym, 1, None, True, {"x": "ok"}]}


def test_what_is_nested_too_deeply_to_be_looked_through_is_left_out_by_itself() -> None:
    deep: list[object] = ["ann.canary@example.com"]
    for _ in range(5_000):
        deep = [deep]
    assert KNOWN.value({"subject": "Ann Canary", "deep": deep}) == {"subject": NAME.pseudonym, "deep": {}}


def test_a_user_whose_address_was_forgotten_has_no_name_either() -> None:
    user = {"name": "Annie", "email": "ann.canary@example.com", "active": True}
    assert KNOWN.user(user) == {"name": ANN.pseudonym, "email": ANN.pseudonym, "active": True}
    other = {"name": "Annie", "email": "annie@example.com", "active": True}
    assert KNOWN.user(other) is other


def test_ids_count_only_where_they_belong() -> None:
    contact, record = contact_entry(SALT, "hubspot", "501"), record_entry(SALT, "hubspot", "deals", "9")
    known = Forgotten(SALT, frozenset({contact, record}))
    assert known.contact("hubspot", "501") == contact.pseudonym
    assert known.contact("salesforce", "501") == known.contact("hubspot", "501").replace(contact.pseudonym, "501")
    assert known.has_record("hubspot", "deals", "9")
    assert not known.has_record("hubspot", "tickets", "9")
    assert known.text("501") == "501"


def test_digests_of_two_stores_have_nothing_in_common() -> None:
    assert address_entry("b" * 64, "ann.canary@example.com").digest != ANN.digest


@given(st.text())
def test_who_forgot_nobody_changes_nothing(text: str) -> None:
    assert Forgotten(SALT).text(text) == text


@given(st.text(), st.text())
def test_no_text_around_it_hides_an_address(before: str, after: str) -> None:
    cleaned = KNOWN.text(f"{before} <ann.canary@example.com> {after}")
    assert "<ann.canary@example.com>" not in cleaned


def test_hostile_text_takes_no_longer_than_its_length() -> None:
    begun = perf_counter()
    for text in ("a" * 300_000 + "@", "a." * 150_000 + "@x.y", "a@" * 100_000, "@" * 300_000, "x@" + "y." * 100_000):
        Forgotten(SALT, frozenset({ANN})).text(text)
    assert perf_counter() - begun < 5
