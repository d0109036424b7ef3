"""Who was forgotten, known by digests only, and how text, references and records are kept from naming them again.

Each digest is keyed with a salt of the store. In the place of an address, a name or the id of a contact stands a
pseudonym made of its digest: the same wherever the same was, so that whoever compares values, or counts the people of a
meeting, finds what was there before. The same function cleans what is stored and what is pulled later.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

Kind = Literal["address", "words", "contact", "record"]
"""An e-mail address; words in this order; a contact (connection, id); a record (connection, stream, id) as a whole."""

PSEUDONYM = "forgotten-"
PEOPLE = (">contacts", ">persons")
"""Ends of the names of streams that link records to people outside."""
FEWEST = 2
"""Words of a phrase: one alone would be found in words of our own."""

_LONGEST_LOCAL, _LONGEST_LABEL, _MOST_LABELS = 64, 63, 8
# Bounded, and begun where a run of such characters begins, so that no text takes longer than its length.
_ADDRESS = re.compile(
    rf"(?<![\w.+'-])(?P<local>[\w.+'-]{{1,{_LONGEST_LOCAL}}})(?:@|%40)"
    rf"(?:[\w-]{{1,{_LONGEST_LABEL}}}\.){{1,{_MOST_LABELS}}}[\w-]{{1,{_LONGEST_LABEL}}}"
)
_EDGES = "._+'-"
_WORD = re.compile(r"\w+")
_GAP = re.compile(r"\W{1,4}")
_SHAPE = re.compile(r"[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is forgotten: its digest, and for a phrase how many words it has."""

    kind: Kind
    digest: str
    words: int = 0

    @property
    def pseudonym(self) -> str:
        """What stands in its place."""
        return f"{PSEUDONYM}{self.digest[:12]}"


def is_address(text: str) -> bool:
    """Whether `text` is an e-mail address."""
    return _SHAPE.fullmatch(text.strip()) is not None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a phrase, as they are compared."""
    return tuple(_plain(one) for one in _WORD.findall(text))


def address_entry(salt: str, address: str) -> Entry:
    """The entry of an e-mail address; upper and lower case are the same.

    One with characters that are not looked for in addresses, such as an ampersand, goes by its words.
    """
    if _ADDRESS.fullmatch(address.strip()) is None:
        return phrase_entry(salt, address)
    return Entry("address", _digest(salt, "address", _plain(address.strip())))


def phrase_entry(salt: str, phrase: str) -> Entry:
    """The entry of a name, a phone number or other words; whatever stands between them is the same."""
    found = words_of(phrase)
    return Entry("words", _digest(salt, "words", *found), len(found))


def contact_entry(salt: str, connection: str, contact_id: str) -> Entry:
    """The entry of a contact of a CRM."""
    return Entry("contact", _digest(salt, "contact", connection, contact_id))


def record_entry(salt: str, connection: str, stream: str, record_id: str) -> Entry:
    """The entry of a record that is not to be stored again."""
    return Entry("record", _digest(salt, "record", connection, stream, record_id))


@dataclass(frozen=True)
class Forgotten:
    """Everything that was forgotten in a workspace."""

    salt: str
    entries: frozenset[Entry] = field(default_factory=frozenset)

    @property
    def knows_people(self) -> bool:
        """Whether any text has to be looked at."""
        return bool(self._addresses or self._phrases)

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        return self._pseudonyms("address")

    @cached_property
    def _contacts(self) -> Mapping[str, str]:
        return self._pseudonyms("contact")

    @cached_property
    def _records(self) -> frozenset[str]:
        return frozenset(self._pseudonyms("record"))

    @cached_property
    def _phrases(self) -> Mapping[int, Mapping[str, str]]:
        sizes = sorted({one.words for one in self.entries if one.kind == "words"}, reverse=True)
        return {
            size: {one.digest: one.pseudonym for one in self.entries if one.kind == "words" and one.words == size}
            for size in sizes
        }

    def _pseudonyms(self, kind: Kind) -> Mapping[str, str]:
        return {one.digest: one.pseudonym for one in self.entries if one.kind == kind}

    def text(self, text: str) -> str:
        """`text` with a pseudonym wherever an address or a phrase was; the very same object where there was none."""
        if self._addresses and _may_have_address(text):
            text = _ADDRESS.sub(self._addressed, text)
        for size, known in self._phrases.items():
            text = self._rephrased(text, size, known)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with all its texts cleaned; names of keys are ours or a CRM's schema, and stay.

        What is nested too deeply to be looked through becomes an empty object, which no field reads.
        """
        if isinstance(value, Mapping):
            return {key: self._within_reach(one) for key, one in value.items()}
        return self._within_reach(value)

    def _within_reach(self, value: Any) -> Any:
        try:
            return self._cleaned(value)
        except RecursionError:
            return {}

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self._cleaned(one) for one in value]
        if isinstance(value, Mapping):
            return {key: self._cleaned(one) for key, one in value.items()}
        return value

    def contact(self, connection: str, contact_id: str) -> str:
        """The id of a contact, or what stands in its place."""
        if not self._contacts:
            return contact_id
        return self._contacts.get(_digest(self.salt, "contact", connection, contact_id), contact_id)

    def user(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """A user of a CRM (`name`, `email`, …): one whose address was forgotten has no name any more either."""
        email = properties.get("email")
        if not isinstance(email, str) or (instead := self.text(email)) == email:
            return properties
        return {**properties, "email": instead, **({"name": instead} if properties.get("name") is not None else {})}

    def has_record(self, connection: str, stream: str, record_id: str) -> bool:
        """Whether a record is one that must not be stored."""
        return bool(self._records) and _digest(self.salt, "record", connection, stream, record_id) in self._records

    def _addressed(self, match: re.Match[str]) -> str:
        found = match[0]
        for candidate in dict.fromkeys((found, found.strip(_EDGES))):
            instead = self._addresses.get(_digest(self.salt, "address", _plain(candidate.replace("%40", "@"))))
            if instead is not None:
                return found.replace(candidate, instead, 1)
        return found

    def _rephrased(self, text: str, size: int, known: Mapping[str, str]) -> str:
        pieces: list[str] = []
        done = 0
        for start, end, digest in self._windows(text, size):
            if digest in known and start >= done:
                pieces += (text[done:start], known[digest])
                done = end
        return "".join((*pieces, text[done:])) if pieces else text

    def _windows(self, text: str, size: int) -> Iterator[tuple[int, int, str]]:
        """Start, end and digest of each `size` words that stand together."""
        found = list(_WORD.finditer(text))
        if len(found) < size:
            return
        joined = [_GAP.fullmatch(text, a.end(), b.start()) is not None for a, b in pairwise(found)]
        plain = [_plain(one[0]) for one in found]
        salted = _salted(self.salt)
        # The name in front of an @ is part of an address, which may be somebody else's.
        addresses = _ADDRESS.finditer(text) if _may_have_address(text) else ()
        local = {at for one in addresses for at in range(one.start(), one.end("local"))}
        for place in range(len(found) - size + 1):
            if all(joined[place : place + size - 1]) and found[place].start() not in local:
                digest = _hashed(salted, "words", *plain[place : place + size])
                yield found[place].start(), found[place + size - 1].end(), digest


def _may_have_address(text: str) -> bool:
    return "@" in text or "%40" in text


def _plain(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _salted(salt: str) -> hashlib.blake2b:
    return hashlib.blake2b(key=salt.encode()[:64], digest_size=20)


def _hashed(salted: hashlib.blake2b, *parts: str) -> str:
    """The digest of parts, of which only the last may hold anything."""
    mine = salted.copy()
    mine.update("\x1f".join(parts).encode("utf-8", "surrogatepass"))
    return mine.hexdigest()


def _digest(salt: str, *parts: str) -> str:
    return _hashed(_salted(salt), *parts)
