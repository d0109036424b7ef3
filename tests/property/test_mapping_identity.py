"""Whatever records there are and whatever people decide: order does not matter, and what is undone leaves nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mapping.decisions import Decision, Key
from mapping.identity import AccountLink, Candidate, Identity, resolve

TYPES = {"hubspot": "hubspot", "salesforce": "salesforce", "third": "gainsight"}
TWO_CRMS = ("hubspot", "salesforce")
IDS = ("1", "2", "3")


@st.composite
def candidates(draw: st.DrawFn, connections: tuple[str, ...]) -> list[Candidate]:
    found = []
    for connection in connections:
        for record_id in draw(st.sets(st.sampled_from(IDS))):
            domain = draw(st.sampled_from([None, "acme.com", "other.org", "gmail.com"]))
            others = [kind for kind in ("hubspot", "salesforce") if kind != connection]
            refs = {kind: draw(st.sampled_from(IDS)) for kind in others if draw(st.booleans())}
            found.append(Candidate(connection, "account", record_id, domain, refs))
    return found


def decisions(connections: tuple[str, ...]) -> st.SearchStrategy[list[Decision]]:
    keys = st.tuples(st.sampled_from(connections), st.sampled_from(IDS))
    linked = st.sets(keys, min_size=2, max_size=3).map(lambda some: Decision.about("link", some))
    alone = keys.map(lambda key: Decision.about("split", [key]))
    return st.lists(st.one_of(linked, alone), max_size=4)


def solve(
    records: list[Candidate], decided: list[Decision], before: tuple[AccountLink, ...] = (),
    merged: dict[Key, Key] | None = None,
) -> Identity:  # fmt: skip
    return resolve(records, before, priority=tuple(TYPES), types=TYPES, decisions=decided, merged=merged)


def parts(identity: Identity) -> set[frozenset[tuple[Key, str, bool]]]:
    """The groups of records, why each belongs and whether it is written; without the accounts' ids."""
    groups: dict[str, set[tuple[Key, str, bool]]] = {}
    for one in identity.links:
        groups.setdefault(one.account_id, set()).add(((one.connection, one.crm_id), one.how, one.writable))
    return {frozenset(group) for group in groups.values()}


@given(candidates(tuple(TYPES)), decisions(tuple(TYPES)), st.randoms())
def test_the_order_of_decisions_and_records_does_not_matter(records, decided, random) -> None:
    first = solve(records, decided)
    random.shuffle(records)
    random.shuffle(decided)
    assert solve(records, [*decided, *decided[:1]]) == first


@given(candidates(tuple(TYPES)), decisions(tuple(TYPES)))
def test_no_account_ever_has_two_records_of_one_crm_and_no_two_accounts_have_one_id(records, decided) -> None:
    identity = solve(records, decided, solve(records, []).links)
    assert len(identity.links) == len(records)
    places = [(one.account_id, one.connection) for one in identity.links]
    assert len(places) == len(set(places))


@given(candidates(tuple(TYPES)), decisions(tuple(TYPES)))
def test_what_was_decided_is_so_unless_it_contradicts_itself(records, decided) -> None:
    identity = solve(records, decided)
    account = {(one.connection, one.crm_id): one for one in identity.links}
    torn = {key for one in identity.reviews if one.kind == "conflicting_decisions" for key in one.records}
    assert all(not account[key].writable for key in torn)
    for decision in decided:
        there = [key for key in decision.records if key in account]
        if set(there) & torn or (decision.kind == "link" and len(there) < 2):
            continue
        mine = {account[key].account_id for key in there}
        if decision.kind == "link":
            assert len(mine) == 1
        elif there:
            assert sum(one.account_id in mine for one in identity.links) == 1


@given(candidates(tuple(TYPES)), decisions(tuple(TYPES)), decisions(tuple(TYPES)))
def test_what_is_decided_and_taken_back_after_a_run_leaves_nothing(records, decided, more) -> None:
    before = solve(records, decided)
    meanwhile = solve(records, [*decided, *more], before.links)
    after = solve(records, decided, meanwhile.links)
    assert parts(after) == parts(before)
    assert after.reviews == before.reviews


@given(candidates(TWO_CRMS), decisions(TWO_CRMS), decisions(TWO_CRMS))
def test_with_two_crms_every_account_gets_its_id_back(records, decided, more) -> None:
    before = solve(records, decided)
    meanwhile = solve(records, [*decided, *more], before.links)
    assert solve(records, decided, meanwhile.links) == before


@given(candidates(tuple(TYPES)), decisions(tuple(TYPES)))
def test_a_second_run_changes_nothing(records, decided) -> None:
    first = solve(records, decided)
    assert solve(records, decided, first.links) == first
