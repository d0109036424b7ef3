"""Rows of an answer as records: of a REST page one by one, of a bulk result column by column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

from connectors.base import Stream
from connectors.errors import BadAnswer, SchemaDrift
from connectors.salesforce import cells, moments
from connectors.salesforce.history import FIRST_WON
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.schema import ObjectInfo
from connectors.salesforce.streams import Source
from mapping.records import RawRecord

_LONG_IDS = re.compile(r"(?:[A-Za-z0-9]{15}[A-Z0-5]{3}\n)*")


class Records:
    """Makes records of the rows of one stream."""

    def __init__(self, stream: Stream, info: ObjectInfo | None = None) -> None:
        known = info.fields if info is not None else {}
        self._properties = stream.properties
        self._kinds = {name: known[name].type for name in stream.properties if name in known}
        self._converters = {name: made for name, kind in self._kinds.items() if (made := cells.of_json(kind))}

    def of_json(self, rows: Iterable[Mapping[str, object]]) -> tuple[RawRecord, ...]:
        """Records of REST rows; raises `BadAnswer` for a row without an id."""
        return tuple(map(self._record, rows))

    def of_cells(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], asked: Sequence[str]
    ) -> tuple[RawRecord, ...]:
        """Records of bulk rows below `header`; raises `SchemaDrift` when a column that was `asked` for is not there."""
        place = {name: index for index, name in enumerate(header)}
        lost = [name for name in asked if name not in place]
        if lost:
            raise SchemaDrift(f"A bulk result came without {', '.join(lost)}, which was asked for.")

        columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(header)

        def column(name: str) -> Sequence[str]:
            return columns[place[name]]

        names = sorted(self._properties)  # the order in which they are stored: no page has to be sorted again
        nothing = (None,) * len(rows)
        kept = [
            nothing if name == FIRST_WON else cells.of_column(column(name), self._kinds.get(name, "")) for name in names
        ]
        values: Iterable[Iterable[object]] = zip(*kept, strict=True) if kept else repeat((), len(rows))
        properties = map(dict, map(zip, repeat(names), values))  # a row in C: this is what a pull spends its time on
        ids, stamps = _ids(column("Id")), moments.parse_all(column("SystemModstamp"))
        archived: Iterable[bool] = (False,) * len(rows)
        survivors: Iterable[str | None] = repeat(None)
        if "IsDeleted" in asked:
            archived = [cell == "true" for cell in column("IsDeleted")]
        if "MasterRecordId" in asked:
            survivors = [to18(cell) if is_id(cell) else None for cell in column("MasterRecordId")]
        return tuple(map(RawRecord, ids, properties, stamps, archived, repeat(()), survivors))

    def _record(self, row: Mapping[str, object]) -> RawRecord:
        properties = {name: row.get(name) for name in self._properties}
        for name, convert in self._converters.items():
            properties[name] = convert(properties[name])
        survivor = row.get("MasterRecordId")
        return RawRecord(
            id=_id(row.get("Id")),
            properties=properties,
            modified_at=moments.parse(row.get("SystemModstamp")),
            archived=row.get("IsDeleted") is True,
            merged_into=to18(str(survivor)) if survivor and is_id(str(survivor)) else None,
        )


def of_reference(name: str, source: Source, row: Mapping[str, object]) -> RawRecord:
    """An entry of a reference list, under the unified names of its fields."""
    properties = {unified: row.get(vendor) for vendor, unified in source.renamed.items()}
    if name == "owners":
        return RawRecord(str(row["Id"]), properties)
    percent = properties.get("probability")
    properties["probability"] = percent / 100 if isinstance(percent, (int, float)) else None
    # An opportunity's StageName holds the stage's API name, so that is what it is known by.
    return RawRecord(str(row.get("ApiName") or row.get("MasterLabel") or row["Id"]), {**properties, "object": "deal"})


def _ids(column: Sequence[str]) -> Sequence[str]:
    """The 18-character ids of a column; one look at all of them, since nearly always all are what they should be."""
    text = "\n".join(column) + "\n"
    if len(text) == 19 * len(column) and _LONG_IDS.fullmatch(text):
        return column
    return [_id(value) for value in column]


def _id(value: object) -> str:
    """The 18-character id of a row; raises `BadAnswer`, for a row without one can be neither kept nor written."""
    if not isinstance(value, str) or not is_id(value):
        raise BadAnswer(f"A row came with the id {value!r}, which is none.", sent=True)
    return to18(value)
