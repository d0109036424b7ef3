"""A person to be forgotten: by e-mail addresses, ids of contacts, and words that name him."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from mapping import forgotten as digests
from mapping.forgotten import Entry, Forgotten
from store import forgotten, sweep
from store.tables import ENTITY_TABLES
from sync.deps import Deps
from sync.errors import UsageError
from sync.keeper import contact_properties

SHORTEST = 5
"""Letters and digits of words that are looked for everywhere."""
AT_THE_CRM = (
    "Delete the person in the CRM too: Keepwell stores a pseudonym from now on, but the CRM shows the name to others."
)
CONTACTS = (
    "Contacts are held by the CRM's own ids. Where a CRM has a contact with this address, name it as well: "
    "--person CONNECTION:ID."
)


@dataclass(frozen=True, slots=True)
class PersonSubject:
    """A person, by the entries that stand for him; `known` is everything that will be forgotten then."""

    deps: Deps
    about: str
    fresh: frozenset[Entry]
    known: Forgotten
    notes: tuple[str, ...]

    @classmethod
    def of(cls, deps: Deps, c: Connection, people: Sequence[str], also: Sequence[str]) -> PersonSubject:
        """Read what was typed; raises `UsageError` for what names nobody."""
        before = forgotten.known(c, deps.workspace)
        notes: list[str] = [AT_THE_CRM]
        entries = [_identifier(deps, before.salt, one.strip()) for one in people]
        addresses = [one.strip() for one in people if digests.is_address(one)]
        if addresses and len(addresses) == len(people):
            notes.append(CONTACTS)
        names = list(_names(deps, c, addresses, notes))
        phrases = [phrase(before.salt, one) for one in (*also, *names)]
        fresh = frozenset((*entries, *phrases))
        about = f"a person: {', '.join((*people, *also, *names))}"
        return cls(deps, about, fresh, replace(before, entries=before.entries | fresh), tuple(notes))

    @property
    def again(self) -> str:
        """What is typed a second time."""
        return "the same command"

    def undecided(self, c: Connection) -> int:
        """How many values that would be cleaned are on their way to a CRM."""
        return sweep.undecided(c, self.deps.workspace, self.known)

    def carry_out(self, c: Connection) -> Counter[str]:
        """Clean everything; table → rows that changed."""
        ws = self.deps.workspace
        forgotten.add(c, ws, self.known.salt, self.fresh, self.deps.clock.now())
        return sweep.sweep(c, ws, self.known, sweep.Places(_users(c, ws), contact_properties(self.deps.field_maps)))


def tells(words: str) -> bool:
    """Whether words are enough to be looked for everywhere."""
    found = digests.words_of(words)
    enough = len(found) >= digests.FEWEST or any(one.isdigit() for one in words)
    return enough and len("".join(found)) >= SHORTEST


def phrase(salt: str, words: str) -> Entry:
    """The entry of words that a user gave; raises `UsageError` for those that would be found where they mean others."""
    if digests.is_address(words):
        return digests.address_entry(salt, words)
    if not tells(words):
        raise UsageError(
            f"{words!r} is too short or too common to be looked for everywhere.",
            hint="Give a full name, a phone number or an address.",
        )
    return digests.phrase_entry(salt, words)


def _identifier(deps: Deps, salt: str, text: str) -> Entry:
    if digests.is_address(text):
        return digests.address_entry(salt, text)
    connection, _, contact = text.partition(":")
    if connection in deps.connectors and contact.strip():
        return digests.contact_entry(salt, connection, contact.strip())
    raise UsageError(
        f"{text!r} is neither an e-mail address nor CONNECTION:ID.",
        hint=f"The connections are {', '.join(deps.connectors)}; words that name somebody are given with --also.",
    )


def _names(deps: Deps, c: Connection, addresses: Iterable[str], notes: list[str]) -> Iterator[str]:
    """The full names that users of the CRMs with one of these addresses have, and nobody else."""
    owner = ENTITY_TABLES["owner"].c
    wanted = {one.casefold() for one in addresses}
    rows = c.execute(select(owner.name, owner.email).where(owner.workspace == deps.workspace)).all()
    theirs = {row.name for row in rows if row.name and (row.email or "").casefold() in wanted}
    others = {digests.words_of(row.name) for row in rows if row.name and (row.email or "").casefold() not in wanted}
    for name in sorted(theirs):
        if not tells(name):
            notes.append("Their name in the CRM is too short to search other texts for it.")
        elif digests.words_of(name) in others:
            notes.append("Somebody else has the same name, so other texts are not searched for it.")
        else:
            yield name


def _users(c: Connection, ws: str) -> frozenset[tuple[str, str]]:
    owner = ENTITY_TABLES["owner"].c
    rows = c.execute(select(owner.connection, owner.stream).where(owner.workspace == ws).distinct())
    return frozenset((row.connection, row.stream) for row in rows)
