"""A value is kept in one form, whether it came as JSON or as a cell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Stream
from connectors.errors import BadAnswer, SchemaDrift
from connectors.salesforce import cells, moments
from connectors.salesforce.records import Records
from connectors.salesforce.schema import FieldInfo, ObjectInfo
from tests.unit.connectors.salesforce_kit import account_id

STAMP = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TYPES = {
    "Name": "string",
    "Amount": "currency",
    "Seats": "int",
    "IsWon": "boolean",
    "CreatedDate": "datetime",
    "CloseDate": "date",
    "SystemModstamp": "datetime",
}
STREAM = Stream("accounts", "account", properties=tuple(TYPES))
INFO = ObjectInfo("Account", {name: FieldInfo(name, kind) for name, kind in TYPES.items()})
RECORDS = Records(STREAM, INFO)
HEADER = ("Id", *TYPES)


@pytest.mark.parametrize(
    ("kind", "cell", "json", "kept"),
    [
        ("string", "Acme", "Acme", "Acme"),
        ("string", "", None, None),
        ("string", "007", "007", "007"),
        ("double", "20", 20, 20.0),
        ("currency", "1000000.0", 1000000.0, 1000000.0),
        ("percent", "", None, None),
        ("double", "1.0E7", 1e7, 1e7),
        ("int", "12", 12, 12),
        ("int", "0.0", 0.0, 0),
        ("boolean", "true", True, True),
        ("boolean", "false", False, False),
        ("boolean", "", None, None),
        ("datetime", "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05.000Z"),
        ("date", "2026-01-02", "2026-01-02", "2026-01-02"),
    ],
)
def test_cell_and_json_are_kept_alike(kind: str, cell: str, json: object, kept: object) -> None:
    (of_cell,) = cells.of_column([cell], kind)
    convert = cells.of_json(kind)
    of_json = convert(json) if convert else json
    assert (of_cell, of_json) == (kept, kept)
    assert type(of_cell) is type(of_json) is type(kept)


@pytest.mark.parametrize(("kind", "cell"), [("double", "many"), ("double", "NaN"), ("double", "inf"), ("int", "1.5x")])
def test_what_is_no_number_stays_what_it_is_beside_numbers_that_are(kind: str, cell: str) -> None:
    assert list(cells.of_column(["7", cell, ""], kind)) == [7, cell, None]


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.integers(-(10**9), 10**9)),
    st.booleans(),
)
def test_a_record_is_the_same_by_either_way(name: str, amount: float | None, seats: int | None, won: bool) -> None:
    row = {
        "Id": account_id(1),
        "Name": name or None,
        "Amount": amount,
        "Seats": seats,
        "IsWon": won,
        "CreatedDate": "2026-01-02T03:04:05.000+0000",
        "CloseDate": None,
        "SystemModstamp": "2026-01-02T03:04:05.000+0000",
    }
    texts = {key: "" if value is None else str(value) for key, value in row.items()}
    line = [texts[key].replace("+0000", "Z") if key in TYPES and "date" in TYPES[key] else texts[key] for key in HEADER]
    line[HEADER.index("IsWon")] = str(won).lower()
    assert RECORDS.of_cells(HEADER, [line], HEADER) == RECORDS.of_json([row])


def test_a_bulk_row_tells_of_deletion_and_merge() -> None:
    header = ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId")
    stamp = "2026-01-02T03:04:05.000Z"
    rows = [
        [account_id(1), stamp, "false", ""],
        [account_id(2), stamp, "true", ""],
        [account_id(3), stamp, "true", account_id(1)],
    ]
    bare = Records(Stream("accounts", "account"), INFO)
    found = bare.of_cells(header, rows, header)
    assert [(one.archived, one.merged_into) for one in found] == [(False, None), (True, None), (True, account_id(1))]
    assert {one.modified_at for one in found} == {STAMP}
    assert all(one.properties == {} for one in found)


def test_columns_may_come_in_any_order_but_none_may_be_missing() -> None:
    bare = Records(Stream("accounts", "account", properties=("Name",)), INFO)
    row = ["Acme", "2026-01-02T03:04:05.000Z", account_id(1)]
    (found,) = bare.of_cells(("Name", "SystemModstamp", "Id"), [row], ("Id", "SystemModstamp", "Name"))
    assert (found.id, found.properties) == (account_id(1), {"Name": "Acme"})
    with pytest.raises(SchemaDrift, match="without Name"):
        bare.of_cells(("SystemModstamp", "Id"), [row[1:]], ("Id", "SystemModstamp", "Name"))


@pytest.mark.parametrize("broken", ["", "7", "001kW0000000001AA!", f"{account_id(2)}\n{account_id(3)}"])
def test_one_bad_id_in_a_column_is_found(broken: str) -> None:
    bare = Records(Stream("accounts", "account"), INFO)
    rows = [[account_id(1), ""], [broken, ""], [account_id(4), ""]]
    with pytest.raises(BadAnswer, match="the id"):
        bare.of_cells(("Id", "SystemModstamp"), rows, ("Id", "SystemModstamp"))


def test_short_ids_become_long_ones() -> None:
    bare = Records(Stream("accounts", "account"), INFO)
    rows = [[account_id(1)[:15], ""], [account_id(2), ""]]
    found = bare.of_cells(("Id", "SystemModstamp"), rows, ("Id", "SystemModstamp"))
    assert [one.id for one in found] == [account_id(1), account_id(2)]


def test_a_column_of_stamps_may_hold_other_forms_and_holes() -> None:
    texts = ["2026-01-02T03:04:05.000Z", "", "2026-01-02T04:04:05+01:00", "yesterday", "2026-01-02T03:04:05"]
    assert list(moments.parse_all(texts)) == [STAMP, None, STAMP, None, None]
    assert list(moments.parse_all(texts[2:3])) == [STAMP]
