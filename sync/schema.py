"""What changed in the CRMs' own definitions since the last run: told in the report, decided nowhere.

A mark `schema:<connection>` keeps the definitions as they were seen last, by stream and property: type, whether it is a
custom one, and its options when a field of the map reads it (null otherwise). A stream whose definitions cannot be read
now keeps what was known of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from connectors.base import Definition
from store import marks
from sync.session import Session

MOST_TOLD = 20
"""So many changes of a stream are told one by one."""

Known = Mapping[str, Any]  # property -> [type, custom, options or None]


def note_schema_changes(session: Session) -> None:
    """Compare each CRM's definitions with those of the last run, put the differences into the report, remember them."""
    for name, connector in session.deps.connectors.items():
        ours = frozenset(map(connector.fields().property_name, session.deps.specs_of(name)))
        seen = {stream: _stored(found, ours) for stream, found in connector.schema().items()}
        with session.deps.store.read() as c:
            before: dict[str, Known] = marks.mark(c, session.ws, _mark(name)) or {}
        if seen.items() <= before.items():
            continue
        for stream, now in seen.items():
            if stream in before and (changes := list(_changes(before[stream], now))):
                session.report.schema_changes.setdefault(name, {})[stream] = changes
                session.note(f"{name}: {stream}: {'; '.join(_few(changes))}", name)
        with session.write() as c:
            marks.set_mark(c, session.ws, _mark(name), {**before, **seen})


def _mark(connection: str) -> str:
    return f"schema:{connection}"


def _stored(found: Mapping[str, Definition], ours: Set[str]) -> Known:
    return {
        name: [one.type, one.custom, sorted(one.options) if one.mapped else None]
        for name, one in sorted(found.items())
        if name not in ours  # what `fields apply` did is no news
    }


def _changes(before: Known, now: Known) -> Iterator[str]:
    """The differences that concern mapped and custom properties, in words, by property."""
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            yield from [f"new property {name}"] if _matters(now[name]) else []
        elif name not in now:
            yield from [f"property {name} is gone"] if _matters(before[name]) else []
        elif now[name][2] is not None:
            yield from _differences(name, before[name], now[name])


def _matters(definition: Any) -> bool:
    _type, custom, options = definition
    return bool(custom) or options is not None


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    if before[0] != now[0]:
        yield f"type of {name} changed {before[0]} -> {now[0]}"
    if before[2] is None:  # no field read it then
        return
    had, has = set(before[2]), set(now[2])
    if had - has:
        yield f"options of {name} gone: {', '.join(sorted(had - has))}"
    if has - had:
        yield f"new options of {name}: {', '.join(sorted(has - had))}"


def _few(changes: list[str]) -> list[str]:
    more = len(changes) - MOST_TOLD
    return changes if more <= 0 else [*changes[:MOST_TOLD], f"and {more} more"]
