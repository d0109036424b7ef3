"""Associations as a stream of their own: editing one does not touch its records' modification time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import dropwhile, islice

from connectors.base import Page
from connectors.errors import BadAnswer
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.read import batch_problems
from connectors.hubspot.transport import Request
from mapping.records import Link

BATCH = 1_000
PRIMARY_TYPES = frozenset({5, 26})  # deal and ticket to their primary company
_LAST = 1_000_000
_NONE = re.compile(r"\bno\b.*\bassociated\b|\bno associations?\b", re.IGNORECASE)


class Links:
    """Reads associations of known records through the v4 batch endpoint."""

    def __init__(self, client: HubSpotClient, paths: Paths) -> None:
        self._client = client
        self._paths = paths

    def pages(self, kind: str, ids: Iterable[str], position: str | None) -> Iterator[Page]:
        """Links of `ids`, a thousand records a page; `kind` reads `deals>companies`.

        To resume, `ids` come in ascending text order and `position` is the last id that was done.
        """
        source, _, target = kind.partition(">")
        rest = iter(ids) if position is None else dropwhile(lambda one: one <= position, ids)
        chunk = list(dict.fromkeys(islice(rest, BATCH)))
        while chunk:
            upcoming = list(dict.fromkeys(islice(rest, BATCH)))
            links = tuple(self._links(kind, source, target, chunk))
            yield Page(links=links, position=chunk[-1], complete=not upcoming)
            chunk = upcoming
            if not chunk:
                return
        yield Page(position=position, complete=True)

    def _links(self, kind: str, source: str, target: str, ids: list[str]) -> Iterator[Link]:
        found: dict[str, dict[str, list[Mapping[str, object]]]] = {one: {} for one in ids}
        todo: list[tuple[str, str | None]] = [(one, None) for one in ids]
        seen: set[tuple[str, str | None]] = set()
        while todo:
            if not seen.isdisjoint(todo):
                raise BadAnswer(f"HubSpot's associations {kind} lead in a circle.", sent=True)
            seen.update(todo)
            todo = self._batch(source, target, todo, found)
        for from_id in ids:
            yield from _chosen(kind, from_id, found[from_id])

    def _batch(
        self,
        source: str,
        target: str,
        todo: list[tuple[str, str | None]],
        found: dict[str, dict[str, list[Mapping[str, object]]]],
    ) -> list[tuple[str, str | None]]:
        """Ask once for all of `todo`, add to `found`, return the records that have further associations.

        A record without associations comes as an error entry, or not at all; both mean that it has none. Any other
        error would make links disappear that are there, so it fails the read.
        """
        inputs = [{"id": one} if after is None else {"id": one, "after": after} for one, after in todo]
        request = Request(
            "POST", self._paths.associations(source, target), body={"inputs": inputs}, quota="associations"
        )
        body = self._client.read(request, check=partial(_check_errors, request.what))
        results = body.get("results", [] if body.get("errors") else None)
        if not isinstance(results, list):
            raise BadAnswer(f"{request.what}: the answer has no results.", sent=True)
        further: list[tuple[str, str | None]] = []
        for entry in results:
            from_id, targets, after = _entry(entry)
            if from_id not in found:
                raise BadAnswer(f"{request.what}: the answer is about record {from_id!r}, not asked for.", sent=True)
            for to_id, types in targets:
                found[from_id].setdefault(to_id, []).extend(types)
            if after is not None:
                further.append((from_id, after))
        return further


def _check_errors(what: str, body: Mapping[str, object]) -> None:
    for problem in batch_problems(body):
        if not (problem.not_found() or "NO_ASSOCIATIONS" in problem.code or _NONE.search(problem.message)):
            raise BadAnswer(f"{what}: {problem.message or problem.code or 'an error without a reason'}", sent=True)


def _entry(entry: object) -> tuple[str, list[tuple[str, list[Mapping[str, object]]]], str | None]:
    if not isinstance(entry, dict) or not isinstance(entry.get("from"), dict):
        raise BadAnswer("HubSpot's associations have an entry without a record.", sent=True)
    targets: list[tuple[str, list[Mapping[str, object]]]] = []
    for to in _dicts(entry.get("to")):
        if to.get("toObjectId") is None:
            raise BadAnswer("HubSpot's associations have a target without an id.", sent=True)
        targets.append((str(to["toObjectId"]), _dicts(to.get("associationTypes"))))
    paging = entry.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(entry["from"].get("id")), targets, str(after) if after else None


def _dicts(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _chosen(kind: str, from_id: str, targets: Mapping[str, list[Mapping[str, object]]]) -> Iterator[Link]:
    """Links of one record, exactly one of them primary: HubSpot's own, else the lowest type and then the lowest id."""
    ranked = sorted(targets, key=lambda to_id: (_rank(targets[to_id]), len(to_id), to_id))
    for to_id in sorted(targets, key=lambda one: (len(one), one)):
        yield Link(kind, from_id, to_id, primary=to_id == ranked[0], label=_label(targets[to_id]))


def _rank(types: list[Mapping[str, object]]) -> tuple[int, int]:
    numbers = [int(text) for one in types if (text := str(one.get("typeId"))).isdecimal() and _is_hubspots(one)]
    primary = any(number in PRIMARY_TYPES for number in numbers) or any(one.get("label") == "Primary" for one in types)
    return (0 if primary else 1, min(numbers, default=_LAST))


def _is_hubspots(one: Mapping[str, object]) -> bool:
    return one.get("category", "HUBSPOT_DEFINED") == "HUBSPOT_DEFINED"


def _label(types: list[Mapping[str, object]]) -> str | None:
    """A person's own label before HubSpot's "Primary"; None when the association has no label."""
    own = sorted(str(one["label"]) for one in types if one.get("label") and not _is_hubspots(one))
    hubspots = sorted(str(one["label"]) for one in types if one.get("label") and _is_hubspots(one))
    return next(iter([*own, *hubspots]), None)
