"""The second witness: before a value is held for a person's sake, the CRM itself is asked who set it.

The store may not know of a write of ours: it landed after we had given it up, or the store comes from a backup. Such a
value would be held for ever, although nobody else touched it. Only a CRM that tells of the property itself, and names
our own credentials for the value that is there, is believed; what it tells otherwise is shown to the person who has to
decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from connectors.base import Connector, LastChange
from connectors.errors import ConnectorError, CredentialsError, QuotaExhausted
from mapping.records import Ref
from store.failures import Place
from store.identity import AccountLink
from sync.decide import THEIRS, RecordDecision, Told
from sync.owned import Owned
from sync.picture import Picture
from sync.session import Session

Decisions = Mapping[AccountLink, RecordDecision]


def heard(
    session: Session,
    pictures: Mapping[str, Picture],
    decided: Decisions,
    values: Mapping[str, Mapping[str, object]],
    known_as_ours: Counter[str],
) -> dict[AccountLink, RecordDecision]:
    """Decide again about the records of which a value would be held as somebody else's; costs a call or more then.

    `known_as_ours` counts the values, by connection, that turned out to be our own.
    """
    again: dict[AccountLink, RecordDecision] = {}
    for name, picture in pictures.items():
        doubted = {link: _theirs(one) for link, one in decided.items() if link.connection == name and _theirs(one)}
        if not doubted:
            continue
        places = {(link.crm_id, prop): seen for link, held in doubted.items() for prop, seen in held.items()}
        told = ask(session.deps.connectors[name], picture.owned, places, partial(session.note, connection=name))
        informed = replace(picture, told=told)
        for link in doubted:
            again[link] = informed.decide(session, link, values.get(link.account_id))
        known_as_ours[name] += sum(one.proves_ours for one in informed.told.values())
    return again


def ask(
    connector: Connector, owned: Owned, places: Mapping[Place, str | None], note: Callable[[str], None]
) -> dict[Place, Told]:
    """What a CRM tells of the values of some (record id, property), given as they were seen.

    A place is left out where nothing is told, or where it is told of another value than the one that was seen. Where
    the CRM cannot be asked nothing is told and `note` hears why; raises `CredentialsError` and `QuotaExhausted`, which
    no other question gets past either.
    """
    if not places:
        return {}
    refs = [Ref(owned.connection, owned.object_name, one) for one in dict.fromkeys(place[0] for place in places)]
    names = list(dict.fromkeys(place[1] for place in places))
    try:
        return dict(_told(owned, places, connector.last_changes(refs, names)))
    except (CredentialsError, QuotaExhausted):
        raise
    except ConnectorError as error:
        note(f"{owned.connection}: who changed values ({len(places)}) cannot be asked: {error}")
        return {}


def _told(
    owned: Owned, places: Mapping[Place, str | None], changes: Iterable[LastChange]
) -> Iterable[tuple[Place, Told]]:
    for one in changes:
        place = (one.ref.id, one.property)
        if place not in places or (one.by == "unknown" and one.at is None):
            continue
        if one.of == "property" and owned.canonical(one.property, one.value) != places[place]:
            continue
        at = one.at.isoformat(timespec="seconds") if one.at is not None else None
        yield place, Told(one.by, one.of, one.kind, one.who, at)


def _theirs(decision: RecordDecision) -> dict[str, str | None]:
    """Property → value of what would be held as somebody else's."""
    return {held.property: held.seen for held in decision.held if held.reason in THEIRS}
