"""Invariants about what happened in the CRMs: nothing lost, nothing twice, nobody overruled, everything announced."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import orjson

from store.intents import OPEN
from store.sweep import FORGOTTEN
from tests.rig.books import Books, Row
from tests.rig.evidence import Evidence, Explained, Place, value_of
from tests.rig.truth import Effect, Truth

HELD_BY_PEOPLE = ("override", "lifecyclestage")
GONE = frozenset({"archive", "purge"})
"""Actions by which a record goes."""
_KINDS = {"alert_task": ("task", "alert"), "timeline_entry": ("entry", "fall of health")}
"""By the table of the store that knows of them: what such records are, and what each stands for."""
RESOLUTION = timedelta(seconds=1)
"""Salesforce's stamps are whole seconds, cut off."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def no_lost_update(case: Evidence) -> Iterator[str]:
    """1: when all is quiet, what was confirmed last is in the CRM and in the ledger, unless a person came after."""
    if not case.quiet:
        return
    for row in case.books.intents:
        if row["state"] in OPEN:
            yield f"left {row['state']}: {_named(row)} ({row['reason']})"
    for truth in case.truths:
        there = {(one.id, str(one.property)): one for one in truth.sets()}
        standing = case.books.ledger(truth.connection, truth.object)
        for place, row in _confirmed_last(case.books.of(truth.connection, truth.object)).items():
            yield from _not_there(truth, row, there.get(place))
            entry = standing.get(place)
            if entry is None:
                yield f"confirmed but not in the ledger: {_named(row)}"
            elif entry["written"] != row["want"] and not str(entry["because"]).startswith("adopted"):
                yield f"the ledger says {entry['written']!r} of {_named(row)}"


def _confirmed_last(intents: Iterable[Row]) -> dict[Place, Row]:
    """What was confirmed last, but where a later value went out to a record that was found gone afterwards, or where it
    was forgotten."""
    last: dict[Place, Row] = {}
    for row in intents:
        if row["code"] == FORGOTTEN:
            last.pop(_place(row), None)
        elif row["state"] == "confirmed":
            last[_place(row)] = row
        elif row["state"] == "gone" and row["sent_at"] is not None:
            last.pop(_place(row), None)
    return last


def _not_there(truth: Truth, row: Row, effect: Effect | None) -> Iterator[str]:
    if effect is None:
        if row["want"] is not None:
            yield f"confirmed, but nothing happened in the CRM: {_named(row)}"
    elif effect.ours and value_of(truth, effect, effect.new) != row["want"]:
        yield f"confirmed, but the CRM shows {effect.new!r}: {_named(row)}"


def no_duplicate_effect(case: Evidence) -> Iterator[str]:
    """2: no effect without a request that can have caused it, none twice, and one transition a plan and value."""
    for truth in case.truths:
        yield from _not_ours_to_touch(truth)
    for one in case.explained:
        if one.intent is None:
            yield f"an effect that no request explains, or that happened twice: {one}"
    transitions = Counter(
        (one.intent["plan_id"], one.truth.connection, one.place)
        for one in case.explained
        if one.intent is not None and value_of(one.truth, one.effect, one.effect.old) != one.value
    )
    people = {
        (truth.connection, one.id, str(one.property)) for truth in case.truths for one in truth.sets() if not one.ours
    }
    for (plan, connection, place), times in transitions.items():
        if times > 1 and (connection, *place) not in people:
            yield f"plan {plan} changed {connection} {' '.join(place)} {times} times"


def _not_ours_to_touch(truth: Truth) -> Iterator[str]:
    """Whatever we do to business records apart from setting our own properties."""
    business = {truth.object, *truth.kinds.values()}
    for one in truth.journal:
        own = one.action == "set" and one.object == truth.object and one.property in truth.specs
        own = own or (truth.makes and one.action == "create")
        if one.ours and one.object in business and not own:
            yield f"{truth.connection}: {one.action} of {one.object} {one.id} {one.property or ''}".rstrip()


def human_wins(case: Evidence) -> Iterator[str]:
    """3: no value that somebody else put there is replaced unless we saw it and were allowed to; overrides are
    never touched, not even named in a request."""
    for truth in case.truths:
        for asked in truth.asked or ():
            for record, names in asked.named.items():
                for name in names:
                    if _is_theirs(name):
                        yield f"{truth.connection}: a request names {name} of {record}"
        for effect in truth.journal:
            if effect.ours and effect.property is not None and _is_theirs(effect.property):
                yield f"{truth.connection}: {effect.property} of {effect.id} was written"
    explained = {id(one.effect): one for one in case.explained}
    for truth in case.truths:
        yield from _overruled(case, truth, explained)


def _is_theirs(name: str) -> bool:
    return any(word in name.lower() for word in HELD_BY_PEOPLE)


def _overruled(case: Evidence, truth: Truth, explained: Mapping[int, Explained]) -> Iterator[str]:
    ours: dict[Place, str | None] = {}
    theirs: dict[Place, Effect] = {}
    for effect in truth.sets():
        place = (effect.id, str(effect.property))
        if not effect.ours:
            theirs[place] = effect
            continue
        one = explained[id(effect)]
        person = theirs.pop(place, None)
        if person is not None and not _may_replace(case, one, person, ours):
            yield f"a person's value was overwritten: {one}; theirs is entry {person.seq} of {person.at}"
        ours[place] = one.value


def _may_replace(case: Evidence, one: Explained, person: Effect, ours: Mapping[Place, str | None]) -> bool:
    shown = value_of(one.truth, person, person.new)
    if shown == one.value or (one.place in ours and ours[one.place] == shown):
        return True
    if shown is None and one.place not in ours:
        return True  # empty where we never wrote
    intent = one.intent
    if intent is None:
        return False
    if intent["seen"] != shown:
        # Between guard read and write nobody can tell: what HubSpot cannot promise, within its bound.
        return case.one_clock and _left(one, intent) - person.at <= case.residual
    knowingly = intent["undoes"] is not None or intent["base"] == shown
    return knowingly and not case.strict


def _left(one: Explained, intent: Row) -> datetime:
    """When the request of an effect arrived, which may be long before it had its effect; as exact as anybody heard."""
    arrived = (asked.at for asked in one.truth.asked or () if one.place[1] in asked.named.get(one.place[0], ()))
    return min((at for at in arrived if at >= intent["sent_at"]), default=one.effect.at)


def audit_first(case: Evidence) -> Iterator[str]:
    """10: an audit entry is there before its request, says what was in it, and nobody changed the chain."""
    yield from _chain(case.books)
    sent: defaultdict[str, list[Row]] = defaultdict(list)
    for row in case.books.intents:
        if row["sent_at"] is not None:
            sent[str(row["batch"])].append(row)
        elif row["batch"] is not None:
            yield f"has a batch but was not sent: {_named(row)}"
    entries: defaultdict[str, list[Row]] = defaultdict(list)
    for entry in case.books.tables["audit"]:
        entries[entry["batch"]].append(entry)
    for batch in sent.keys() | entries.keys():
        yield from _batch(batch, sent.get(batch, []), entries.get(batch, []))
    if case.one_clock:
        for one in case.explained:
            if one.intent is not None and one.effect.at + RESOLUTION < one.intent["sent_at"]:
                yield f"happened at {one.effect.at}, before it was announced at {one.intent['sent_at']}: {one}"


def _batch(batch: str, sent: list[Row], entries: list[Row]) -> Iterator[str]:
    announced = [entry for entry in entries if entry["kind"] == "intent"]
    if len(announced) != 1:
        yield f"batch {batch} of {len(sent)} values has {len(announced)} audit entries that announce it"
        return
    if len(entries) > 2:
        yield f"batch {batch} has {len(entries)} audit entries"
    lines = "\n".join(f"{row['record_id']}\t{row['property']}\t{row['want']}" for row in sent)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    # The digest stands for values that are not there any more.
    forgotten = any(row["code"] == FORGOTTEN for row in sent)
    for entry in entries:
        if entry["count"] != len(sent) or (entry["digest"] != digest and not forgotten):
            yield f"audit entry {entry['seq']} is not about the {len(sent)} values of batch {batch}"


def _chain(books: Books) -> Iterator[str]:
    """The chain worked out anew: each entry is sealed with the hash of the one before it."""
    last, number = "0" * 64, 0
    for entry in sorted(books.tables["audit"], key=lambda row: row["seq"]):
        number += 1
        if entry["seq"] != number or entry["prev_hash"] != last:
            yield f"audit entry {entry['seq']} does not follow entry {number - 1}"
            number = entry["seq"]
        words = [entry[name] for name in ("kind", "batch", "run_id", "connection", "object", "count", "digest")]
        at = (entry["at"] - _EPOCH) // timedelta(microseconds=1)
        content = orjson.dumps([entry["seq"], *words, entry["detail"], at], option=orjson.OPT_SORT_KEYS).decode()
        last = hashlib.sha256(f"{entry['prev_hash']}\n{content}".encode()).hexdigest()
        if entry["hash"] != last:
            yield f"audit entry {entry['seq']} was changed"
    for head in books.tables["audit_head"]:
        if (head["seq"], head["hash"]) != (number, last):
            yield f"the audit chain ends at {number}, its head says {head['seq']}"


def one_task_an_alert(case: Evidence) -> Iterator[str]:
    """21: an alert has one task in a CRM at most, a fall of health one entry on a timeline, announced before it was
    made, and none again once somebody removed it."""
    for truth in case.truths:
        if truth.makes:
            yield from _made(case, truth, *_KINDS[truth.makes])


def _made(case: Evidence, truth: Truth, what: str, cause: str) -> Iterator[str]:
    known = {row["key"]: row for row in case.books.tables[truth.makes] if row["connection"] == truth.connection}
    announced = [row for row in case.books.of(truth.connection, truth.object) if row["sent_at"] is not None]
    sent = {row["record_id"] for row in announced}
    forgotten = {row["record_id"] for row in announced if row["code"] == FORGOTTEN}
    made = Counter(one.id for one in truth.journal if one.ours and one.action == "create")
    removed: set[str] = set()
    for one in truth.journal:
        if one.action in GONE:
            removed.add(one.id)
        elif one.ours and one.id in removed:
            yield f"{truth.connection}: {one.action} of {what} {one.id} after somebody removed it"
    for key, times in made.items():
        if times > 1:
            yield f"{truth.connection}: {what} {key} was made {times} times"
        if key not in known and key not in forgotten:
            yield f"{truth.connection}: {what} {key} stands for no {cause}"
        if key not in sent:
            yield f"{truth.connection}: {what} {key} was not announced"
    for key, row in known.items() if case.quiet else ():
        if (row["made_at"] is not None) != (key in made):
            yield f"{truth.connection}: {what} {key} was made {made[key]} times, says the CRM"


def _place(row: Row) -> Place:
    return row["record_id"], row["property"]


def _named(row: Row) -> str:
    return f"{row['connection']} {row['record_id']} {row['property']} = {row['want']!r} (intent {row['id']})"
