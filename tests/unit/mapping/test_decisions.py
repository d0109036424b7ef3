"""What people decided about who is who beats every rule, and is refused where it contradicts itself."""

from __future__ import annotations

from time import process_time

from mapping.decisions import Decision, Key, short_id, standing, weigh
from mapping.identity import Candidate, Identity, resolve
from tests.unit.mapping.test_identity import ORDER, TYPES, accounts, force, hub

ONE, TWO, THREE = ("hubspot", "1"), ("hubspot", "2"), ("hubspot", "3")
A, B = ("salesforce", "A"), ("salesforce", "B")


def link(*keys: Key) -> Decision:
    return Decision.about("link", keys)


def split(key: Key) -> Decision:
    return Decision.about("split", [key])


def solve(
    *candidates: Candidate,
    decisions: tuple[Decision, ...] = (),
    before: Identity | None = None,
    merged: dict[Key, Key] | None = None,
) -> Identity:
    existing = before.links if before is not None else ()
    return resolve(candidates, existing, priority=ORDER, types=TYPES, decisions=decisions, merged=merged)


def test_a_link_joins_what_no_rule_joins() -> None:
    identity = solve(hub("1", "acme.com"), force("A", "zzz.com"), decisions=(link(ONE, A),))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:A"}}
    assert {one.how for one in identity.links} == {"manual"}


def test_a_link_beats_domain_and_id() -> None:
    records = (hub("1", "acme.com", salesforce="A"), force("A", "acme.com"), force("B", "acme.com"))
    assert accounts(solve(*records))["hubspot:1"] == {"hubspot:1", "salesforce:A"}
    identity = solve(*records, decisions=(link(ONE, B),))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:B"}, "salesforce:A": {"salesforce:A"}}
    assert identity.reviews == ()
    assert all(one.writable for one in identity.links)


def test_a_link_out_of_duplicates_settles_them() -> None:
    records = (hub("1", "acme.com"), hub("2", "acme.com"), force("A", "acme.com"))
    assert not any(one.writable for one in solve(*records).links)
    identity = solve(*records, decisions=(link(TWO, A),))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1"}, "hubspot:2": {"hubspot:2", "salesforce:A"}}
    assert (identity.reviews, all(one.writable for one in identity.links)) == ((), True)


def test_a_record_on_its_own_joins_nothing_by_domain_nor_by_id() -> None:
    records = (hub("1", "acme.com", salesforce="A"), force("A", "acme.com", hubspot="1"))
    identity = solve(*records, decisions=(split(ONE),))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1"}, "salesforce:A": {"salesforce:A"}}
    assert (identity.reviews, all(one.writable for one in identity.links)) == ((), True)


def test_what_is_left_of_duplicates_when_one_is_on_its_own_is_joined() -> None:
    records = (hub("1", "acme.com"), hub("2", "acme.com"), force("A", "acme.com"))
    identity = solve(*records, decisions=(split(TWO),))
    assert accounts(identity)["hubspot:1"] == {"hubspot:1", "salesforce:A"}
    assert (identity.reviews, all(one.writable for one in identity.links)) == ((), True)


def test_sites_of_one_crm_that_are_decided_are_not_listed_any_more() -> None:
    records = (hub("1", "acme.com"), hub("2", "acme.com"))
    assert len(solve(*records).reviews) == 1
    assert solve(*records, decisions=(split(ONE), split(TWO))).reviews == ()


def test_ids_that_contradict_each_other_are_settled_by_one_link() -> None:
    records = (hub("1", salesforce="A"), hub("2", salesforce="A"), force("A"))
    identity = solve(*records, decisions=(link(ONE, A),))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:A"}, "hubspot:2": {"hubspot:2"}}
    assert (identity.reviews, all(one.writable for one in identity.links)) == ((), True)


def test_links_in_several_steps_are_one_account() -> None:
    third = Candidate("gainsight", "Company", "G")
    decisions = (link(ONE, A), link(A, third.key))
    identity = solve(hub("1"), force("A"), third, decisions=decisions)
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:A", "gainsight:G"}}


def test_decisions_that_contradict_each_other_do_not_hold_and_are_listed() -> None:
    for decisions in ((link(ONE, A), link(ONE, B)), (link(ONE, A), split(A))):
        identity = solve(hub("1", "acme.com"), force("A", "acme.com"), force("B"), decisions=decisions)
        (review,) = identity.reviews
        concerned = {key for one in decisions for key in one.records}
        assert (review.kind, set(review.records)) == ("conflicting_decisions", concerned)
        assert all(one.id in review.reason for one in decisions)
        assert {(one.connection, one.crm_id) for one in identity.links if not one.writable} == concerned
        assert all(len(members) == 1 for members in accounts(identity).values())


def test_a_record_that_is_gone_makes_its_decision_idle() -> None:
    identity = solve(hub("1", "acme.com"), force("B", "acme.com"), decisions=(link(ONE, A), split(TWO)))
    assert accounts(identity) == {"hubspot:1": {"hubspot:1", "salesforce:B"}}
    assert [one.records for one in standing([link(ONE, A), split(TWO)], {ONE, B}, {})] == [(), ()]
    assert [one.records for one in standing([link(ONE, A, B)], {ONE, B}, {})] == [(ONE, B)]


def test_a_link_follows_a_record_that_its_crm_merged_and_a_split_does_not() -> None:
    merged = {TWO: ONE}
    records = (hub("1", "acme.com"), force("A", "acme.com"), force("B", "other.com"))
    identity = solve(*records, decisions=(link(TWO, B),), merged=merged)
    assert accounts(identity)["hubspot:1"] == {"hubspot:1", "salesforce:B"}
    identity = solve(*records, decisions=(split(TWO),), merged=merged)
    assert accounts(identity)["hubspot:1"] == {"hubspot:1", "salesforce:A"}


def test_merging_two_linked_records_contradicts_their_links() -> None:
    decisions = (link(ONE, A), link(TWO, B))
    apart = solve(hub("1"), hub("2"), force("A"), force("B"), decisions=decisions)
    assert apart.reviews == ()
    identity = solve(hub("1"), force("A"), force("B"), decisions=decisions, merged={TWO: ONE})
    assert [review.kind for review in identity.reviews] == ["conflicting_decisions"]


def test_a_record_keeps_the_account_that_is_named_after_it() -> None:
    alone = solve(force("A"))
    joined = solve(hub("1"), force("A"), decisions=(link(ONE, A),), before=alone)
    assert accounts(joined).keys() == {"salesforce:A"}
    apart = solve(hub("1"), force("A"), before=joined)
    assert accounts(apart) == {"hubspot:1": {"hubspot:1"}, "salesforce:A": {"salesforce:A"}}


def test_ids_of_decisions_depend_on_what_they_say_only() -> None:
    assert link(ONE, A).id == link(A, ONE, ONE).id
    ids = {one.id for one in (link(ONE, A), link(ONE, B), split(ONE), split(TWO))}
    assert len(ids) == 4
    assert all(one.startswith("d-") and len(one) == 18 for one in ids)
    (review,) = solve(hub("1", "acme.com"), hub("2", "acme.com")).reviews
    assert review.id == short_id("r", "duplicate_domain", [TWO, ONE])


def test_two_records_of_one_crm_are_never_one_account() -> None:
    verdict = weigh(standing([link(ONE, TWO, A)], {ONE, TWO, A}, {}))
    assert verdict.groups == ()
    assert "hubspot 1 and hubspot 2" in verdict.contradictions[0].reason


def test_what_decisions_come_to_takes_no_longer_than_there_are_decisions() -> None:
    decided = [link(("hubspot", str(number)), ("salesforce", str(number))) for number in range(20_000)]
    present = {key for one in decided for key in one.records}
    found = standing(decided, present, {})
    began = process_time()
    assert len(weigh(found).groups) == 20_000
    assert process_time() - began < 5, "it took half a minute when each group looked at all decisions"
