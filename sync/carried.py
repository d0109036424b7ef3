"""What every owner and every sponsor carries, added up slice by slice, and how that stands to the norm of a role."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mapping.capacity import Load, Verdict, counted, judge, loads, role_of
from mapping.framework import Framework
from mapping.framework.spec import Carrier
from mapping.kpis.slice import Slice
from store import frames
from sync.deps import Deps


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the CRMs, who may be one in several: joined by e-mail address.

    A sponsor need not be a user: `key` is then what the accounts say.
    """

    key: str
    name: str | None = None
    email: str | None = None
    active: bool | None = None
    known_as: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Carrying:
    """What one person carries as owner or as sponsor, by segment, and how that of their role stands to its norm."""

    by: Carrier
    person: Person
    segments: Mapping[str | None, Load]
    verdict: Verdict | None


class Carried:
    """Loads of everybody, as owners and as sponsors where the framework has a role of that kind.

    `unowned` counts the active accounts without an owner.
    """

    def __init__(self, deps: Deps, framework: Framework) -> None:
        self._people, self._roles = _people(deps), framework.spec.capacity
        self._kinds: tuple[Carrier, ...] = tuple(dict.fromkeys(role.by for role in self._roles))
        self._loads: dict[tuple[Carrier, Person], dict[str | None, Load]] = defaultdict(lambda: defaultdict(Load))
        self.unowned = 0

    def add(self, part: Slice) -> None:
        """Add the active accounts of a slice."""
        for by in self._kinds:
            for (ref, segment), load in loads(part, by).items():
                if ref is not None:
                    self._loads[by, self._people.get(ref) or self._person(by, ref)][segment] += load
                elif by == "owner":
                    self.unowned += load.accounts

    def everybody(self) -> Iterator[Carrying]:
        """Yield what each person carries, once as owner and once as sponsor if they are both."""
        for (by, person), segments in self._loads.items():
            role = role_of([one for one in self._roles if one.by == by], person.known_as, segments)
            yield Carrying(by, person, segments, None if role is None else judge(role, counted(role, segments)))

    def _person(self, by: Carrier, ref: str) -> Person:
        """Somebody whose id is on no list of users; a sponsor may be given by e-mail address or name, in any case."""
        if by == "owner":
            return Person(ref, known_as=frozenset({ref.lower()}))
        name = " ".join(ref.split())
        return self._people.setdefault(name.lower(), Person(name.lower(), name, known_as=frozenset({name.lower()})))


def _people(deps: Deps) -> dict[str, Person]:
    """Id, and e-mail address in lower case → person; ids of different CRMs do not meet, as each has its own form."""
    with deps.store.read() as c:
        rows = frames.frame(c, deps.workspace, "owner").select("id", "name", "email", "active").rows()
    by_key: dict[str, list[tuple[str, str | None, str | None, bool | None]]] = defaultdict(list)
    for row in rows:
        by_key[(row[2] or row[0]).lower()].append(row)
    people: dict[str, Person] = {}
    for key, own in by_key.items():
        words = frozenset(word.lower() for row in own for word in row[:3] if word)
        states = [row[3] for row in own if row[3] is not None]
        person = Person(key, next((row[1] for row in own if row[1]), None), own[0][2],
                         any(states) if states else None, words)  # fmt: skip
        people |= dict.fromkeys((key, *(row[0] for row in own)), person)
    return people
