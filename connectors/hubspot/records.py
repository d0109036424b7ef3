"""HubSpot's JSON objects as raw records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from connectors.errors import BadAnswer
from mapping.records import RawRecord

MODIFIED = "hs_lastmodifieddate"
MERGED = "hs_merged_object_ids"
OBJECT_ID = "hs_object_id"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of(body: Mapping[str, object], what: str) -> list[dict[str, object]]:
    """The `results` of a list, search or batch answer; raises `BadAnswer` when the page has none or they lack ids."""
    results = body.get("results")
    if not isinstance(results, list) or not all(has_id(row) for row in results):
        raise BadAnswer(f"{what}: the page has no list of records with ids.", sent=True)
    return results


def has_id(row: object) -> bool:
    """Whether this is a JSON object with an id; ids may come as numbers, and zero is one."""
    return isinstance(row, dict) and isinstance(row.get("id"), (str, int)) and row["id"] != ""


def next_after(body: Mapping[str, object]) -> str | None:
    """The opaque token of the next page. The link beside it is never followed: it could lead anywhere."""
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if after not in (None, "") else None


def properties_of(row: Mapping[str, object]) -> dict[str, object]:
    """The properties of one object; an object without any has none."""
    properties = row.get("properties")
    return dict(properties) if isinstance(properties, dict) else {}


def record_of(row: Mapping[str, object], *, archived: bool = False) -> RawRecord:
    """One object as a raw record, keyed by the id in the answer: after a merge it is not the one asked for.

    `archived` holds for a row that does not say it itself.
    """
    properties = properties_of(row)
    own = str(row["id"])
    modified = instant(row.get("updatedAt")) or instant(properties.get(MODIFIED))
    return RawRecord(
        id=own,
        properties=properties,
        modified_at=modified,
        archived=archived if row.get("archived") is None else row["archived"] is True,
        merged_from=tuple(one for one in _split(properties.get(MERGED)) if one != own),
    )


def _split(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from dict.fromkeys(part for part in (piece.strip() for piece in value.split(";")) if part)


def instant(value: object) -> datetime | None:
    """An ISO instant (with or without fraction) or epoch milliseconds as aware UTC; None if it is neither."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    try:
        if isinstance(value, int) or value.lstrip("-").isdecimal():
            return from_millis(int(value))
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        return None  # an unreadable stamp is worth no more than none
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def from_millis(millis: int) -> datetime:
    """Epoch milliseconds as an instant; exact, without floating point."""
    return _EPOCH + timedelta(milliseconds=millis)


def to_millis(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
