"""Identity: who is who across CRMs, and who is left for a person to decide."""

from __future__ import annotations

from mapping.domains import identifies, registered_domain
from mapping.identity import AccountLink, Candidate, Identity, resolve

TYPES = {"hubspot": "hubspot", "salesforce": "salesforce"}
ORDER = ("hubspot", "salesforce")


def hub(crm_id: str, domain: str | None = None, salesforce: str | None = None) -> Candidate:
    return Candidate("hubspot", "companies", crm_id, domain, {"salesforce": salesforce} if salesforce else {})


def force(crm_id: str, domain: str | None = None, hubspot: str | None = None) -> Candidate:
    return Candidate("salesforce", "Account", crm_id, domain, {"hubspot": hubspot} if hubspot else {})


def solve(*candidates: Candidate, existing: tuple[AccountLink, ...] = ()) -> Identity:
    return resolve(candidates, existing, priority=ORDER, types=TYPES)


def accounts(identity: Identity) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for link in identity.links:
        found.setdefault(link.account_id, set()).add(f"{link.connection}:{link.crm_id}")
    return found


def test_explicit_id_joins_in_either_direction() -> None:
    assert accounts(solve(hub("1", salesforce="A"), force("A"))) == {"hubspot:1": {"hubspot:1", "salesforce:A"}}
    assert accounts(solve(hub("1"), force("A", hubspot="1"))) == {"hubspot:1": {"hubspot:1", "salesforce:A"}}


def test_explicit_id_beats_domain() -> None:
    identity = solve(hub("1", "acme.com", salesforce="B"), force("A", "acme.com"), force("B", "other.com"))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:B"}, "salesforce:A": {"salesforce:A"}}


def test_same_domain_joins_one_to_one() -> None:
    identity = solve(hub("1", "acme.com"), force("A", "acme.com"))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:A"}}
    assert {link.how for link in identity.links} == {"domain"}


def test_free_mail_and_shared_hosts_never_join() -> None:
    assert len(accounts(solve(hub("1", "gmail.com"), force("A", "gmail.com")))) == 2
    assert not identifies("facebook.com")
    assert not identifies(None)


def test_duplicates_stay_apart_and_are_not_written() -> None:
    identity = solve(hub("1", "acme.com"), hub("2", "acme.com"), force("A", "acme.com"))
    assert len(accounts(identity)) == 3
    assert not any(link.writable for link in identity.links)
    (review,) = identity.reviews
    assert review.kind == "duplicate_domain"
    assert set(review.records) == {("hubspot", "1"), ("hubspot", "2"), ("salesforce", "A")}


def test_explicit_link_keeps_a_record_out_of_its_duplicates() -> None:
    identity = solve(hub("1", "acme.com", salesforce="A"), hub("2", "acme.com"), force("A", "acme.com"))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:A"}, "hubspot:2": {"hubspot:2"}}
    assert all(link.writable for link in identity.links)


def test_contradicting_ids_are_reviewed() -> None:
    identity = solve(hub("1", salesforce="A"), hub("2", salesforce="A"), force("A"))
    assert len(accounts(identity)) == 3
    assert [review.kind for review in identity.reviews] == ["conflicting_ids"]
    assert not any(link.writable for link in identity.links)


def test_account_id_is_kept() -> None:
    first = solve(force("A", "acme.com"))
    later = solve(hub("1", "acme.com"), force("A", "acme.com"), existing=first.links)
    assert accounts(later) == {"salesforce:A": {"hubspot:1", "salesforce:A"}}


def test_account_that_splits_keeps_its_id_once() -> None:
    joined = solve(hub("1", "acme.com"), force("A", "acme.com"))
    apart = solve(hub("1", "acme.com"), force("A", "other.com"), existing=joined.links)
    assert accounts(apart) == {"hubspot:1": {"hubspot:1"}, "salesforce:A": {"salesforce:A"}}


def test_link_by_hand_is_kept() -> None:
    by_hand = (
        AccountLink("x", "hubspot", "companies", "1", "manual"),
        AccountLink("x", "salesforce", "Account", "A", "manual"),
    )
    identity = solve(hub("1", "acme.com"), force("A", "zzz.com"), existing=by_hand)
    assert accounts(identity) == {"x": {"hubspot:1", "salesforce:A"}}
    assert {link.how for link in identity.links} == {"manual"}


def test_id_of_a_record_that_is_not_there_is_ignored() -> None:
    assert accounts(solve(hub("1", "acme.com", salesforce="gone"), force("A", "acme.com"))) == {
        "hubspot:1": {"hubspot:1", "salesforce:A"}
    }


def test_registered_domain() -> None:
    found = {
        raw: registered_domain(raw)
        for raw in ("https://www.Acme.co.uk/a?b", "me@acme.com", "acme", "1.2.3.4", "müller.de")
    }
    assert found == {
        "https://www.Acme.co.uk/a?b": "acme.co.uk",
        "me@acme.com": "acme.com",
        "acme": None,
        "1.2.3.4": None,
        "müller.de": "xn--mller-kva.de",
    }
    assert registered_domain("shop.github.io") != registered_domain("other.github.io")
