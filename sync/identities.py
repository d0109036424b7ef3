"""Deciding by hand which records are one account: what is open, what was decided, and what a decision will change.

Works from the store alone. A decision counts from the next run on, against every rule, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from mapping.decisions import Decision, Key, Verdict, short_id, standing, weigh
from mapping.identity import Identity
from store import aliases, decisions, identity
from store.decisions import Made
from store.tables import raw_record
from sync.deps import Deps
from sync.errors import UsageError, no_accounts
from sync.explain import MOST_NAMED, records_by_text
from sync.identify import merged_records, stored_reviews, who_is_who
from sync.owned import account_stream
from sync.whatif import effect, record_line

LIST = "`keepwell identity list --all` shows every decision"
_SHORT_ID = 15
"""Length of a Salesforce id without its checksum, as reports show it."""


def listed(deps: Deps, *, everything: bool = False) -> dict[str, Any]:
    """What a person has to decide; with `everything` also what was decided, and whether it counts."""
    with deps.store.read() as c:
        reviews = [(one, _keys(one)) for one in identity.reviews(c, deps.workspace)]
        made = decisions.decisions(c, deps.workspace, everything=True)
        names = identity.named(c, deps.workspace, {key for _, keys in reviews for key in keys})
        counting = [one.decision for one in made if one.taken_back_at is None]
        ground = _Ground.of(deps, c, counting, [one.decision for one in made])
    return {
        "reviews": [
            {
                "id": short_id("r", review.kind, keys),
                "kind": review.kind,
                "reason": review.reason,
                "records": [record_line(key, names) for key in keys],
                "next": _next(review.kind, keys),
            }
            for review, keys in reviews
        ],
        "decided": len(counting),
        "decisions": [ground.told(one) for one in made] if everything else [],
    }


def link(deps: Deps, words: Sequence[str], reason: str = "") -> dict[str, Any]:
    """Decide that records are one account; each of `words` is CONNECTION:ID, or the id of a review.

    Raises `UsageError` for a record that is not there, for what is decided already, and for what contradicts another
    decision or would make two records of one CRM one account.
    """
    with deps.store.read() as c:
        keys = _records(deps, c, words)
    if len(set(keys)) < 2:
        raise UsageError(
            "An account is made of at least two records; only one was named.",
            hint="`keepwell identity link CONNECTION:ID CONNECTION:ID`, or the id of a review.",
        )
    return _decide(deps, [Decision.about("link", keys)], reason)


def split(deps: Deps, words: Sequence[str], reason: str = "") -> dict[str, Any]:
    """Decide that each of some records is an account of its own; `words` and errors as in `link`."""
    with deps.store.read() as c:
        keys = _records(deps, c, words)
    return _decide(deps, [Decision.about("split", [key]) for key in sorted(set(keys))], reason)


def forget(deps: Deps, words: Sequence[str]) -> dict[str, Any]:
    """Take decisions back, each named by its id or by a record that it is about; raises `UsageError` for none."""
    with deps.store.read() as c:
        made = decisions.decisions(c, deps.workspace)
    chosen = {one.decision.id: one for word in words for one in _named_by(made, word.strip())}
    rest = [one.decision for one in made if one.decision.id not in chosen]
    now = deps.clock.now()
    taken = [Made(one.decision, one.reason, one.made_at, now) for one in chosen.values()]
    return _carried_out(deps, [one.decision for one in made], rest, taken)


def _decide(deps: Deps, news: Sequence[Decision], reason: str) -> dict[str, Any]:
    with deps.store.read() as c:
        old = [one.decision for one in decisions.decisions(c, deps.workspace)]
        verdict = _Ground.of(deps, c, [*old, *news]).verdict
    fresh = [one for one in news if one not in old]
    if not fresh:
        raise UsageError(
            f"That was decided already ({', '.join(one.id for one in news)}).",
            hint=f"{LIST}; `keepwell identity forget` takes one back.",
        )
    _refuse_contradictions(verdict, fresh)
    now = deps.clock.now()
    return _carried_out(deps, old, [*old, *fresh], [Made(one, reason, now) for one in fresh])


def _carried_out(deps: Deps, old: Sequence[Decision], new: Sequence[Decision], made: Sequence[Made]) -> dict[str, Any]:
    """Store decisions that were made or taken back, with the reviews that are left; returns what will change."""
    before, after = _both(deps, old, new)
    data = effect(deps, before, after)
    with deps.store.write() as c:
        for one in made:
            decisions.decide(c, deps.workspace, one)
        identity.replace_reviews(c, deps.workspace, stored_reviews(after), deps.clock.now())
    with deps.store.read() as c:
        ground = _Ground.of(deps, c, new, [one.decision for one in made])
    return {"decisions": [ground.told(one) for one in made], **data, "reviews": len(after.reviews)}


def _both(deps: Deps, old: Sequence[Decision], new: Sequence[Decision]) -> tuple[Identity, Identity]:
    with deps.store.read() as c:
        links = identity.links(c, deps.workspace)
        return who_is_who(deps, c, links, old), who_is_who(deps, c, links, new)


def _refuse_contradictions(verdict: Verdict, fresh: Sequence[Decision]) -> None:
    for one in verdict.contradictions:
        if not set(one.decisions) & set(fresh):
            continue
        others = [decision.id for decision in one.decisions if decision not in fresh]
        hint = f"Take back what was decided before: `keepwell identity forget {' '.join(others)}`."
        if not others:
            hint = "Merge the duplicates in their CRM, or name only one of them."
        raise UsageError(f"{one.reason[0].upper()}{one.reason[1:]}.", hint=hint)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What decisions stand on: the records that are there, those that were merged away, what contradicts itself."""

    merged: Mapping[Key, Key]
    present: Mapping[Key, tuple[str | None, str | None]]
    verdict: Verdict

    @classmethod
    def of(cls, deps: Deps, c: Connection, counting: Sequence[Decision], others: Sequence[Decision] = ()) -> _Ground:
        """`counting` are the decisions that count, `others` further ones to tell about."""
        mentioned = [*counting, *others]
        merged = merged_records(deps, c, mentioned)
        keys = {key for one in mentioned for key in one.records} | set(merged.values())
        present = identity.named(c, deps.workspace, keys)
        return cls(merged, present, weigh(standing(counting, present, merged)))

    def told(self, made: Made) -> dict[str, Any]:
        """A decision with its records and its state: `counts`, `contradicted`, `idle` or `taken_back`."""
        decision = made.decision
        (stands,) = standing([decision], self.present, self.merged)
        state = "counts" if stands.records else "idle"
        if any(decision in one.decisions for one in self.verdict.contradictions):
            state = "contradicted"
        return {
            "id": decision.id,
            "kind": decision.kind,
            "state": state if made.taken_back_at is None else "taken_back",
            "records": [record_line(key, self.present) for key in decision.records],
            "gone": [_fate(key, self.merged) for key in decision.records if key not in self.present],
            "reason": made.reason or None,
            "made_at": _text(made.made_at),
            "taken_back_at": _text(made.taken_back_at) if made.taken_back_at is not None else None,
        }


def _fate(key: Key, merged: Mapping[Key, Key]) -> dict[str, Any]:
    return {"connection": key[0], "id": key[1], "merged_into": merged[key][1] if key in merged else None}


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _next(kind: str, keys: Sequence[Key]) -> list[dict[str, str]]:
    """Ways to settle a review, each with the command where there is one."""
    if kind == "conflicting_decisions":
        about = " ".join(f"{connection}:{record_id}" for connection, record_id in keys)
        return [{"what": "take decisions back", "command": f"keepwell identity forget {about}"}]
    review = short_id("r", kind, keys)
    doubled = sorted({key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1})
    ways = [{"what": "each is a company of its own", "command": f"keepwell identity split {review}"}]
    if len({key[0] for key in keys}) > 1:
        command = "keepwell identity link CONNECTION:ID CONNECTION:ID"
        if not doubled:
            command = f"keepwell identity link {review}"
        ways.insert(0, {"what": "some of them are one company", "command": command})
    if doubled:
        ways.append({"what": f"they are duplicates: merge them in {' and '.join(doubled)}", "command": ""})
    return ways


def _named_by(made: Sequence[Made], word: str) -> list[Made]:
    found = [one for one in made if one.decision.id == word or tuple(word.split(":", 1)) in one.decision.records]
    if not found:
        raise UsageError(f"No decision that counts is named {word!r} or is about it.", hint=f"{LIST}, with its id.")
    return found


def _keys(review: identity.Review) -> tuple[Key, ...]:
    return tuple((ref[0], ref[1]) for ref in review.refs)


def _records(deps: Deps, c: Connection, words: Iterable[str]) -> list[Key]:
    """The records that `words` name, one after the other; those of a review for its id."""
    reviews = {
        short_id("r", review.kind, _keys(review)): _keys(review) for review in identity.reviews(c, deps.workspace)
    }
    found: list[Key] = []
    for word in (one.strip() for one in words):
        found += reviews[word] if word in reviews else [_record(deps, c, word)]
    return found


def _record(deps: Deps, c: Connection, word: str) -> Key:
    connection, colon, record_id = word.partition(":")
    if not colon or connection not in deps.connectors:
        what = "is neither CONNECTION:ID nor the id of an open review"
        raise _unknown(deps, c, f"{word!r} {what}; the connections are {', '.join(deps.connectors)}.", word)
    full = _in_full(deps, c, (connection, record_id))
    if full is not None:
        return full
    stream = account_stream(deps.field_maps[connection])
    survivor = aliases.survivors(c, deps.workspace, connection, stream, [record_id]).get(record_id)
    if survivor is not None:
        raise UsageError(
            f"{connection} merged record {record_id} into {survivor}.", hint=f"Name that one: {connection}:{survivor}."
        )
    r = raw_record.c
    here = (r.workspace == deps.workspace) & (r.connection == connection) & (r.stream == stream) & (r.id == record_id)
    if c.execute(select(r.id).where(here, or_(r.archived, r.gone))).first() is not None:
        raise UsageError(
            f"Record {record_id} was deleted or archived in {connection}, so there is nothing to decide about it.",
            hint="Restore it there and run `keepwell sync`.",
        )
    raise _unknown(deps, c, f"There is no account record {record_id!r} of {connection} in the store.", record_id)


def _in_full(deps: Deps, c: Connection, key: Key) -> Key | None:
    """The record if it is there; for Salesforce, the short form of an id is enough."""
    if key in identity.named(c, deps.workspace, [key]):
        return key
    if deps.connectors[key[0]].type != "salesforce" or len(key[1]) != _SHORT_ID:
        return None
    return next(iter(identity.beginning_with(c, deps.workspace, *key)), None)


def _unknown(deps: Deps, c: Connection, message: str, text: str) -> UsageError:
    """The error for a record that is not there, with those that were perhaps meant."""
    near = records_by_text(deps, text.rpartition(":")[2].strip() or text)
    if near:
        names = identity.named(c, deps.workspace, near[:MOST_NAMED])
        shown = [f"{connection}:{record_id} ({name or domain or '–'})" for (connection, record_id), (name, domain)
                 in sorted(names.items())]  # fmt: skip
        more = ", …" if len(near) > MOST_NAMED else ""
        return UsageError(message, hint=f"Perhaps you mean {', '.join(shown)}{more}.")
    if not identity.links(c, deps.workspace):
        return no_accounts()
    hint = "`keepwell explain NAME` shows an account's records; `keepwell sync` reads new ones."
    return UsageError(message, hint=hint)
