"""Identity: which records of several CRMs are the same company.

What a person decided counts first. Else by explicit id, else by the exact registered domain when there is exactly one
candidate on each side, never by name. What is ambiguous stays apart, is not written to, and is listed for a person to
decide. Records of one CRM that share a domain (sites of one company, or duplicates) are ambiguous only where another
CRM has a record that may be any of them: without one, each is an account of its own and is written, and the list still
names them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mapping.decisions import Decision, Key, say, short_id, standing, weigh
from mapping.domains import identifies

SHORT_ID, _LONG_ID = 15, 18
"""Lengths of a Salesforce id: the short form, which reports and people use, is the long one without its checksum."""

How = Literal["alone", "explicit", "domain", "manual"]
ReviewKind = Literal["conflicting_ids", "duplicate_domain", "conflicting_decisions"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account record of one CRM; `refs` are the ids of the same company by type of CRM (`salesforce` → id)."""

    connection: str
    object: str
    id: str
    domain: str | None = None
    refs: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.connection, self.id


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A record belongs to an account; `how` says why, `writable` whether answers may be written to it."""

    account_id: str
    connection: str
    object: str
    crm_id: str
    how: How = "alone"
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """Records that may be the same company, for a person to decide."""

    kind: ReviewKind
    records: tuple[Key, ...]
    reason: str

    @property
    def id(self) -> str:
        """A short name made of the content."""
        return short_id("r", self.kind, self.records)


@dataclass(frozen=True, slots=True)
class Identity:
    """Every record's account, and what a person should look at; both in stable order."""

    links: tuple[AccountLink, ...]
    reviews: tuple[Review, ...]


def resolve(
    candidates: Iterable[Candidate],
    existing: Iterable[AccountLink] = (),
    *,
    priority: Sequence[str],
    types: Mapping[str, str],
    decisions: Iterable[Decision] = (),
    merged: Mapping[Key, Key] | None = None,
) -> Identity:
    """Group `candidates` into accounts.

    `priority` orders the connections: the first one's id names a new account; `types` is connection → type of CRM.
    A record that was linked before (`existing`) keeps its account id; only ids are taken from there. `decisions` beat
    every rule; `merged` says which record lives on in place of one that they name (`decisions.standing`).
    The answer does not depend on the order of `candidates`, `existing` or `decisions`.
    """
    rank = {name: index for index, name in enumerate(priority)}
    ordered = sorted(
        candidates, key=lambda item: (rank.get(item.connection, len(rank)), item.connection, len(item.id), item.id)
    )
    earlier = {(link.connection, link.crm_id): link for link in existing}
    groups = _Groups(ordered)
    groups.by_hand(decisions, merged or {})
    groups.by_id(types)
    groups.by_domain()
    return Identity(_named(groups, earlier), tuple(groups.reviews))


class _Groups:
    """Records joined so far; a group never holds two records of one connection."""

    def __init__(self, ordered: Sequence[Candidate]) -> None:
        self.records = {item.key: item for item in ordered}
        self.members: dict[Key, list[Key]] = {key: [key] for key in self.records}
        self.how: dict[Key, How] = dict.fromkeys(self.records, "alone")
        self.blocked: set[Key] = set()
        self.apart: set[Key] = set()
        self.reviews: list[Review] = []

    def join(self, keys: Sequence[Key], how: How) -> None:
        """Make one group of the groups of `keys`."""
        together = sorted({key for one in keys for key in self.members[one]})
        for key in together:
            self.members[key] = together
            if self.how[key] == "alone":
                self.how[key] = how

    def by_hand(self, decisions: Iterable[Decision], merged: Mapping[Key, Key]) -> None:
        """Do what was decided; records whose decisions contradict each other stay apart and are not written."""
        verdict = weigh(standing(decisions, self.records, merged))
        for group in verdict.groups:
            self.join(group, "manual")
        self.apart = set(verdict.alone)
        for one in verdict.contradictions:
            self.apart.update(one.records)
            self.blocked.update(one.records)
            named = " or ".join(decision.id for decision in one.decisions)
            self.reviews.append(Review("conflicting_decisions", one.records, f"{one.reason}: take back {named}"))
        self.how.update(dict.fromkeys(self.apart, "manual"))

    def by_id(self, types: Mapping[str, str]) -> None:
        """Join records that name each other, unless the names contradict one another."""
        short = {
            (connection, crm_id[:SHORT_ID]): (connection, crm_id)
            for connection, crm_id in self.records
            if types.get(connection) == "salesforce" and len(crm_id) == _LONG_ID
        }
        told = {edge for item in self.records.values() for edge in self._edges(item, types, short)}
        edges = sorted(edge for edge in told if not self._overruled(*edge))
        named: dict[tuple[Key, str], set[Key]] = defaultdict(set)
        for left, right in edges:
            named[left, right[0]].add(right)
            named[right, left[0]].add(left)
        clashes = {(key, connection): others for (key, connection), others in named.items() if len(others) > 1}
        for (key, _), others in sorted(clashes.items()):
            records = tuple(sorted({key, *others}))
            self.blocked.update(records)
            self.reviews.append(
                Review(
                    "conflicting_ids",
                    records,
                    f"{say(key)} is linked by id to {' and '.join(map(say, sorted(others)))}",
                )
            )
        for left, right in edges:
            if left not in self.blocked and right not in self.blocked and not self._crowded(left, right):
                self.join([left, right], "explicit")

    def _edges(self, item: Candidate, types: Mapping[str, str], short: Mapping[Key, Key]) -> Iterable[tuple[Key, Key]]:
        for kind, other_id in item.refs.items():
            for connection, its_type in types.items():
                other = short.get((connection, other_id), (connection, other_id))
                if its_type == kind and connection != item.connection and other in self.records:
                    yield (item.key, other) if item.key < other else (other, item.key)

    def _overruled(self, left: Key, right: Key) -> bool:
        """Whether a decision says otherwise: one of the two is on its own, or has its record of the other's CRM."""
        if left in self.apart or right in self.apart:
            return True
        return self.members[left] is not self.members[right] and bool(self._twice(left, right))

    def _twice(self, left: Key, right: Key) -> set[str]:
        """Connections of which the groups of both have a record."""
        return {key[0] for key in self.members[left]} & {key[0] for key in self.members[right]}

    def _crowded(self, left: Key, right: Key) -> bool:
        """Whether joining would bring two records of one connection together."""
        if self.members[left] is self.members[right] or not self._twice(left, right):
            return False
        records = tuple(sorted({*self.members[left], *self.members[right]}))
        self.blocked.update(records)
        self.reviews.append(
            Review("conflicting_ids", records, f"{say(left)} and {say(right)} are linked by id to different records")
        )
        return True

    def by_domain(self) -> None:
        """Join what shares an identifying domain when each side has exactly one record that is not joined yet."""
        domains: dict[str, list[Key]] = defaultdict(list)
        for key, item in self.records.items():
            if item.domain and identifies(item.domain) and self.how[key] == "alone" and key not in self.blocked:
                domains[item.domain].append(key)
        for domain, keys in sorted(domains.items()):
            connections = {key[0] for key in keys}
            if len(connections) < len(keys):
                self._duplicates(domain, keys, across=len(connections) > 1)
            elif len(keys) > 1:
                self.join(keys, "domain")

    def _duplicates(self, domain: str, keys: Sequence[Key], *, across: bool) -> None:
        """Report records with one domain; which of them belong together across CRMs is not for us to guess."""
        reason = f"{len(keys)} records have the domain {domain}: {', '.join(map(say, keys))}"
        if across:
            self.blocked.update(keys)
            reason += "; none is written until ids or domains say which belong together"
        self.reviews.append(Review("duplicate_domain", tuple(keys), reason))


def _named(groups: _Groups, earlier: Mapping[Key, AccountLink]) -> tuple[AccountLink, ...]:
    links: list[AccountLink] = []
    done: set[Key] = set()
    place = {key: index for index, key in enumerate(groups.records)}
    # A record after which its account is named keeps that name when the account comes apart.
    owners = {account_name(key): key for key in groups.records if _is_named_after(key, earlier)}
    used: set[str] = set()
    # Groups that had an id before choose first, so that a new record never takes an id that is in use.
    seen_first = sorted(groups.records, key=lambda key: not any(member in earlier for member in groups.members[key]))
    for key in seen_first:
        if key in done:
            continue
        members = sorted(groups.members[key], key=place.__getitem__)
        names = [earlier[member].account_id for member in members if member in earlier]
        names += map(account_name, members)
        free = (name for name in names if name not in used and owners.get(name, key) in members)
        account_id = next(free, f"{account_name(members[0])}:2")
        used.add(account_id)
        for member in members:
            item = groups.records[member]
            writable = member not in groups.blocked
            links.append(AccountLink(account_id, item.connection, item.object, item.id, groups.how[member], writable))
        done.update(members)
    return tuple(sorted(links, key=lambda link: (link.account_id, link.connection, link.crm_id)))


def account_name(key: Key) -> str:
    """The id of a new account that is named after a record."""
    return f"{key[0]}:{key[1]}"


def _is_named_after(key: Key, earlier: Mapping[Key, AccountLink]) -> bool:
    return key in earlier and earlier[key].account_id == account_name(key)
