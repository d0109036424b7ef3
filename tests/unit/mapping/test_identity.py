"""Identity: who is who across CRMs, and who is left for a person to decide."""

from __future__ import annotations

import pytest

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


def test_sites_on_one_domain_of_a_single_crm_are_accounts_of_their_own() -> None:
    for identity in (
        solve(hub("1", "acme.com"), hub("2", "acme.com")),
        solve(hub("1", "acme.com"), hub("2", "acme.com"), force("A", "other.com")),
        solve(hub("1", "acme.com"), hub("2", "acme.com"), hub("3", "acme.com", salesforce="A"), force("A", "acme.com")),
    ):
        assert accounts(identity).keys() >= {"hubspot:1", "hubspot:2"}
        assert all(link.writable for link in identity.links)
        assert [(review.kind, review.records) for review in identity.reviews] == [
            ("duplicate_domain", (("hubspot", "1"), ("hubspot", "2")))
        ]


def test_short_form_of_a_salesforce_id_names_the_same_record() -> None:
    long = "001Qy00000AbCdEIAV"
    assert accounts(solve(hub("1", salesforce=long[:15]), force(long))) == {
        "hubspot:1": {"hubspot:1", f"salesforce:{long}"}
    }
    other = "001Qy00000aBcDeIAV"  # the same letters in other cases: another record
    assert len(accounts(solve(hub("1", salesforce=long[:15]), force(other)))) == 2


@pytest.mark.parametrize(
    "identity",
    [
        solve(hub("1", salesforce="A"), hub("2"), force("A", hubspot="2")),
        solve(hub("1", salesforce="A"), force("A"), force("B", hubspot="1")),
    ],
)
def test_ids_that_contradict_each_other_are_not_written(identity: Identity) -> None:
    assert len(accounts(identity)) == 3
    assert [review.kind for review in identity.reviews] == ["conflicting_ids"]
    assert not any(link.writable for link in identity.links)


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


def test_id_of_a_record_that_is_not_there_is_ignored() -> None:
    assert accounts(solve(hub("1", "acme.com", salesforce="gone"), force("A", "acme.com"))) == {
        "hubspot:1": {"hubspot:1", "salesforce:A"}
    }


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("https://www.Acme.co.uk/a?b", "acme.co.uk"),
        ("me@acme.com", "acme.com"),
        ("mailto:me@acme.com", "acme.com"),
        ("shop.eu.acme.com:8443/x", "acme.com"),
        ("acme.com.", "acme.com"),
        ("müller.de", "xn--mller-kva.de"),
        ("MÜLLER.DE", "xn--mller-kva.de"),
        ("xn--mller-kva.de", "xn--mller-kva.de"),
        ("www.youtube.com/@acme.io", "youtube.com"),
        ("acme.com?ref=me@other.com", "acme.com"),
        ("acme", None),
        ("co.uk", None),
        ("github.io", None),
        ("1.2.3.4", None),
        ("[::1]", None),
        ("acme.com, acme.de", None),
        ("acme.com;acme.de", None),
        ("<script>alert(1)</script>.com", None),
        ("http://[bad", None),
        ("a" * 300 + ".com", None),
        ("\ud800.com", None),
        ("n/a", None),
    ],
)
def test_registered_domain(raw: str, domain: str | None) -> None:
    assert registered_domain(raw) == domain


def test_customers_of_one_site_builder_have_domains_of_their_own() -> None:
    assert registered_domain("shop.github.io") != registered_domain("other.github.io")


@pytest.mark.parametrize(
    "shared", ["gmail.com", "yahoo.it", "live.co.uk", "web.de", "linkedin.com", "wixsite.com", "example.com"]
)
def test_domains_that_many_share_identify_nobody(shared: str) -> None:
    identity = solve(hub("1", shared), hub("2", shared), force("A", shared))
    assert len(accounts(identity)) == 3
    assert all(link.writable for link in identity.links)
    assert not identity.reviews
