"""The portal's data and the operations that change it; what every write implies happens here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.hubspot.clock import Clock, instant
from sandbox.hubspot.derived import calculate, implied
from sandbox.hubspot.index import SearchIndex
from sandbox.hubspot.journal import Actor
from sandbox.hubspot.links import Links
from sandbox.hubspot.objects import LIFECYCLE, OBJECT_TYPES, initial_schemas
from sandbox.hubspot.owners import Owner
from sandbox.hubspot.pipelines import STAGE_PROPERTY, stage_ids
from sandbox.hubspot.records import Record, Store
from sandbox.hubspot.values import Problem, check
from sandbox.journal import Journal

_FIRST_NEW_ID = 5_000_000_000


class Portal:
    """Records, schemas, associations and owners of one HubSpot account."""

    def __init__(self, clock: Clock, index: SearchIndex) -> None:
        self.clock = clock
        self.schemas = initial_schemas()
        self.stores = {kind.name: Store(kind.first_id + _FIRST_NEW_ID) for kind in OBJECT_TYPES.values()}
        self.links = Links()
        self.owners: list[Owner] = []
        self.journal = Journal()
        self.index = index
        self.archived_stages: dict[tuple[str, str], bool] = {}  # and whether lists still show them

    def now_ms(self) -> int:
        """Return the portal's time in milliseconds."""
        return int(self.clock() * 1000)

    def value(self, kind: str, record: Record, name: str) -> str | None:
        """Return what the API shows for one property: text, or None when it is empty."""
        prop = self.schemas[kind].properties.get(name)
        if prop is not None and prop.source == "calculated" and name not in record.values:
            return calculate(self, kind, record, name)
        return record.values.get(name)

    def associated(self, kind: str, record_id: int, other: str) -> list[int]:
        """Return the associated ids that are live; links of an archived record sleep until it is restored."""
        if record_id not in self.stores[kind].live:
            return []
        live = self.stores[other].live
        return [identity for identity in self.links.of(kind, record_id, other) if identity in live]

    def check(self, kind: str, given: Mapping[str, object]) -> tuple[dict[str, str], list[Problem]]:
        """Return the values that a write may store and what is wrong with the rest."""
        accepted, problems = check(self.schemas[kind], given, lambda: {owner.id for owner in self.owners})
        for problem in self._stage_problems(kind, accepted):
            accepted.pop(problem["name"])
            problems.append(problem)
        return accepted, problems

    def create(self, kind: str, values: Mapping[str, str], actor: Actor, identity: int | None = None) -> Record:
        """Add a record with checked values, under an id that nobody has had."""
        now, shape = self.now_ms(), OBJECT_TYPES[kind]
        store = self.stores[kind]
        record = Record(store.new_id() if identity is None else identity, {}, now, now)
        record.values = {
            "hs_object_id": str(record.id), shape.created: instant(now), shape.modified: instant(now),
            "hs_object_source": "INTEGRATION" if actor.name != "user" else "CRM_UI",
        }  # fmt: skip
        store.add(record)
        self.journal.note(instant(now), "create", kind, record.id, actor)
        self.write(kind, record, values, actor)
        return record

    def write(self, kind: str, record: Record, values: Mapping[str, str], actor: Actor) -> None:
        """Store checked values, keep their history, and bump the last-modified instant."""
        now = max(self.now_ms(), record.created_ms)
        before, after = record.values, dict(record.values)
        for name, value in {**values, **implied(kind, before, values, now)}.items():
            new = self._resulting(name, before.get(name), value)
            self._remember(record, name, (before.get(name), new), now, actor)
            self.journal.note(instant(now), "set", kind, record.id, actor, change=(name, before.get(name), new))
            if new:
                after[name] = new
            else:
                after.pop(name, None)
        after[OBJECT_TYPES[kind].modified] = instant(now)
        record.values, record.updated_ms = after, now
        self.index.saw(kind, record, self.clock())

    def archive(self, kind: str, record: Record, actor: Actor) -> None:
        """Move a record into the recycle bin."""
        now = self.now_ms()
        self.stores[kind].archive(record, now)
        self.index.lost(kind, record.id, self.clock())
        self.journal.note(instant(now), "archive", kind, record.id, actor)

    def restore(self, kind: str, record: Record, actor: Actor) -> None:
        """Take a record out of the recycle bin; nothing promises that this counts as a modification, so it does not."""
        self.stores[kind].restore(record)
        self.index.saw(kind, record, self.clock())
        self.journal.note(instant(self.now_ms()), "restore", kind, record.id, actor)

    def flood(self, kind: str, records: Iterable[Record], at_ms: int) -> None:
        """Move the last-modified instant of many records to one millisecond, and nothing else."""
        name, text = OBJECT_TYPES[kind].modified, instant(at_ms)
        for record in records:
            record.values, record.updated_ms = {**record.values, name: text}, at_ms
            self.index.saw(kind, record, self.clock())

    def recalculate(self, kind: str, record: Record, values: Mapping[str, str]) -> None:
        """Store values that HubSpot worked out; neither the last-modified instant nor any history knows of it."""
        record.values = {name: value for name, value in {**record.values, **values}.items() if value}
        self.index.saw(kind, record, self.clock())

    def forget(self, kind: str, record: Record, actor: Actor) -> None:
        """Delete a record for good."""
        self.stores[kind].forget(record)
        self.index.lost(kind, record.id, self.clock())
        self.journal.note(instant(self.now_ms()), "purge", kind, record.id, actor)

    def merge(self, kind: str, primary: Record, other: Record, actor: Actor) -> Record:
        """Merge two records into a brand-new one whose `hs_merged_object_ids` names both."""
        now, store, shape = self.now_ms(), self.stores[kind], OBJECT_TYPES[kind]
        merged = Record(store.new_id(), {}, min(primary.created_ms, other.created_ms), now)
        losers = [*_ids(primary), *_ids(other), str(primary.id), str(other.id)]
        merged.values = {
            **other.values, **primary.values, "hs_object_id": str(merged.id),
            shape.created: instant(merged.created_ms), shape.modified: instant(now),
            "hs_merged_object_ids": ";".join(dict.fromkeys(losers)),
        }  # fmt: skip
        merged.history = {**other.history, **primary.history}
        store.add(merged)
        for loser in (primary, other):
            store.retire(loser, merged.id)
            self.links.move(kind, loser.id, merged.id)
            self.index.lost(kind, loser.id, self.clock())
            renamed = ("hs_object_id", str(loser.id), str(merged.id))
            self.journal.note(instant(now), "merge", kind, loser.id, actor, change=renamed)
        self.index.saw(kind, merged, self.clock())
        return merged

    def _resulting(self, name: str, old: str | None, value: str) -> str:
        if name == "lifecyclestage" and old in LIFECYCLE and value in LIFECYCLE:
            # A step back answers success and changes nothing.
            return old if LIFECYCLE.index(value) < LIFECYCLE.index(old) else value
        if value.startswith(";"):
            return ";".join(dict.fromkeys([*filter(None, (old or "").split(";")), *value[1:].split(";")]))
        return value

    def _remember(self, record: Record, name: str, change: tuple[str | None, str], now: int, actor: Actor) -> None:
        old, new = change
        versions = record.history.setdefault(name, [])
        if not versions and old is not None:
            versions.append((record.created_ms, old, "IMPORT", None))
        versions.append((now, new, actor.source_type, actor.source_id))

    def _stage_problems(self, kind: str, accepted: Mapping[str, str]) -> Iterable[Problem]:
        if kind not in STAGE_PROPERTY:
            return
        pipeline_name, stage_name = STAGE_PROPERTY[kind]
        stage = accepted.get(stage_name)
        allowed = stage_ids(kind, accepted.get(pipeline_name))
        if stage and stage not in allowed:
            message = f"{stage} was not one of the allowed options: [{', '.join(allowed)}]"
            yield {"name": stage_name, "code": "INVALID_OPTION", "message": message}


def _ids(record: Record) -> list[str]:
    return [identity for identity in record.values.get("hs_merged_object_ids", "").split(";") if identity]
