"""What people decided about who is who: kept for ever, stronger than every rule.

`link` says that records are one account, `split` that a record is an account of its own, whatever its domain or id
says.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Key = tuple[str, str]
"""A record: (connection, id)."""
Kind = Literal["link", "split"]
_ID_BYTES = 8
"""As many as make it as good as certain that no two decisions of a company have one name."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about `records`, which are kept in order so that the same decision is always equal."""

    kind: Kind
    records: tuple[Key, ...]

    @classmethod
    def about(cls, kind: Kind, records: Iterable[Key]) -> Decision:
        """The decision about some records, whatever their order."""
        return cls(kind, tuple(sorted(set(records))))

    @property
    def id(self) -> str:
        """A short name made of the content."""
        return short_id("d", self.kind, self.records)

    @property
    def former_id(self) -> str:
        """The name that stores of before have it under: of ten thousand such, two could be equal."""
        return short_id("d", self.kind, self.records, 4)


@dataclass(frozen=True, slots=True)
class Standing:
    """A decision and the records that it is about now; without any it is idle."""

    decision: Decision
    records: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Records about which decisions say what cannot all be true, and those decisions."""

    records: tuple[Key, ...]
    decisions: tuple[Decision, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What decisions come to: groups of two and more records, records that stay alone, what contradicts itself."""

    groups: tuple[tuple[Key, ...], ...]
    alone: frozenset[Key]
    contradictions: tuple[Contradiction, ...]


def short_id(prefix: str, kind: str, records: Iterable[Key], size: int = _ID_BYTES) -> str:
    """`prefix`, a dash and hexadecimal digits, two for each of `size` bytes, that stand for the content."""
    text = json.dumps([kind, sorted(set(records))])
    return f"{prefix}-{hashlib.blake2b(text.encode(), digest_size=size).hexdigest()}"


def say(key: Key) -> str:
    """A record in words."""
    return f"{key[0]} {key[1]}"


def standing(decisions: Iterable[Decision], present: Container[Key], merged: Mapping[Key, Key]) -> list[Standing]:
    """Each decision with the records that it is about now, in order of content.

    `merged` is record → the one that it was merged into. A link follows it: that record is the company, too. A split
    does not, because whoever merged two records said that they are one.
    """
    found: list[Standing] = []
    for decision in sorted(set(decisions), key=lambda one: (one.kind, one.records)):
        followed = (merged.get(key, key) if decision.kind == "link" and key not in present else key
                    for key in decision.records)  # fmt: skip
        there = tuple(sorted({key for key in followed if key in present}))
        found.append(Standing(decision, there if len(there) >= _needed(decision) else ()))
    return found


def weigh(decided: Sequence[Standing]) -> Verdict:
    """Put decisions together; the answer does not depend on their order.

    What is linked in several steps is one account. An account has one record of each CRM at most, and a record that is
    an account of its own is linked to none; decisions that say otherwise contradict each other, and none of them holds.
    """
    splits = {one.records[0]: one.decision for one in decided if one.decision.kind == "split" and one.records}
    links = [one for one in decided if one.decision.kind == "link" and one.records]
    linked: dict[Key, list[Decision]] = defaultdict(list)
    for one in links:
        linked[one.records[0]].append(one.decision)
    groups: list[tuple[Key, ...]] = []
    contradictions: list[Contradiction] = []
    for group in _joined(links):
        mine = [decision for key in group for decision in linked.get(key, ())]
        apart = [key for key in group if key in splits]
        twice = _of_one_connection(group)
        if apart or twice:
            against = tuple(sorted({*mine, *(splits[key] for key in apart)}, key=lambda one: (one.kind, one.records)))
            contradictions.append(Contradiction(group, against, _reason(apart, twice)))
        else:
            groups.append(group)
    torn = {key for one in contradictions for key in one.records}
    return Verdict(tuple(groups), frozenset(splits.keys() - torn), tuple(contradictions))


def _needed(decision: Decision) -> int:
    return 2 if decision.kind == "link" else 1


def _joined(links: Sequence[Standing]) -> list[tuple[Key, ...]]:
    """Records in groups that have a link in common, in order."""
    group_of: dict[Key, set[Key]] = {}
    for link in links:
        together = set(link.records).union(*(group_of.get(key, {key}) for key in link.records))
        for key in together:
            group_of[key] = together
    return sorted({tuple(sorted(group)) for group in group_of.values()})


def _of_one_connection(group: Sequence[Key]) -> tuple[Key, ...]:
    """Records of the first connection that has several in `group`."""
    by_connection: dict[str, list[Key]] = defaultdict(list)
    for key in group:
        by_connection[key[0]].append(key)
    return next((tuple(keys) for _, keys in sorted(by_connection.items()) if len(keys) > 1), ())


def _reason(apart: Sequence[Key], twice: Sequence[Key]) -> str:
    if apart:
        return f"{say(apart[0])} was decided to be an account of its own, and to be one account with others"
    names = " and ".join(map(say, twice))
    return f"{names} would be one account by decision, but an account has one record of each CRM"
