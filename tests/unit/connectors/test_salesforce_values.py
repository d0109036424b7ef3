"""Texts that go to Salesforce: literals, ids, values, CSV; and CSV that comes back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadAnswer, ConfigError
from connectors.salesforce import moments, soql, values
from connectors.salesforce.csv_rows import read_rows
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.position import Position

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("001D000000IRFma", "001D000000IRFmaIAH"),
        ("500000000000001", "500000000000001AAA"),
        ("0" * 15, "0" * 15 + "AAA"),
    ],
)
def test_ids_have_one_long_form(short: str, full: str) -> None:
    assert to18(short) == full == to18(full)


@pytest.mark.parametrize("text", ["", "001", "001D000000IRFma'", "001D000000IRFmaIA!", "001D000000IRFm\n", "é" * 15])
def test_what_is_not_an_id_never_reaches_a_query(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValueError, match="not a Salesforce id"):
        soql.one_of("Id", [text])


@given(st.text(max_size=60))
def test_a_string_literal_has_no_way_out(value: str) -> None:
    literal = soql.text(value)
    assert literal.startswith("'")
    assert re.fullmatch(r"'(?:[^'\\\n\r]|\\.)*'", literal)
    back = literal[1:-1].replace("\\\\", "\x00")
    for mark, char in (("\\'", "'"), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\b", "\b"), ("\\f", "\f")):
        back = back.replace(mark, char)
    assert back.replace("\x00", "\\") == value.replace("\x00", "\\")


@pytest.mark.parametrize("name", ["", "Id; DELETE", "Name--", "a b", "1st", "Owner..Name", "x" * 200])
def test_names_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="not a Salesforce field"):
        soql.select((name,), "Account")


def test_instants_are_literals_of_whole_seconds_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert soql.instant(datetime(2026, 3, 1, 1, 2, 3, 999, zone)) == "2026-02-28T23:02:03Z"


@given(st.lists(st.integers(0, 10**9).map(lambda n: f"001kW{n:010d}"), min_size=1, max_size=1500), st.integers(0, 3000))
def test_chunks_keep_every_id_and_fit(ids: list[str], overhead: int) -> None:
    chunks = soql.chunks_that_fit(ids, overhead)
    assert [one for chunk in chunks for one in chunk] == ids
    for chunk in chunks:
        assert len(chunk) == 1 or soql.encoded_length(soql.one_of("Id", chunk)) + overhead <= soql.LONGEST_QUERY + 60


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("85", "double", 85),
        ("85.0", "double", 85),
        ("72.5", "percent", 72.5),
        ("-0.125", "currency", -0.125),
        ("true", "boolean", True),
        ("2026-02-28", "date", "2026-02-28"),
        ("2026-02-28T10:11:12Z", "datetime", "2026-02-28T10:11:12Z"),
        ("at risk; maybe", "picklist", "at risk; maybe"),
        (None, "double", None),
        (None, "datetime", None),
    ],
)
def test_values_are_encoded_by_the_type_of_the_field(value: str | None, kind: str, expected: object) -> None:
    encoded = values.encode(value, kind)
    assert encoded == expected
    assert type(encoded) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("NaN", "double"),
        ("-inf", "double"),
        ("1e400", "double"),
        ("1,5", "double"),
        ("", "double"),
        ("1" * 19, "double"),
        ("yes", "boolean"),
        ("2026-02-29", "date"),
        ("2026-2-1", "date"),
        ("2026-02-28T10:11:12", "datetime"),
        ("2026-02-28T25:11:12Z", "datetime"),
    ],
)
def test_values_that_a_field_cannot_hold_are_refused(value: str, kind: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(value))):
        values.encode(value, kind)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_a_number_is_finite_json_or_refused(number: object) -> None:
    try:
        encoded = values.encode(str(number), "double")
    except ValueError:
        return
    assert isinstance(encoded, (int, float))
    assert math.isfinite(encoded)
    json.dumps(encoded, allow_nan=False)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=12), st.integers(1, 7))
def test_csv_comes_back_as_it_went_whatever_the_chunks(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    raw = text.getvalue().encode()
    raw = raw.removeprefix("\ufeff".encode())
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert list(read_rows(chunks)) == rows


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=2, max_size=6), st.data())
def test_a_body_that_was_cut_off_never_yields_half_a_row(rows: list[list[str]], data: st.DataObject) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    raw = text.getvalue().encode()
    cut = data.draw(st.integers(0, len(raw) - 1))
    found: list[list[str]] = []
    with contextlib.suppress(BadAnswer):
        found.extend(read_rows([raw[:cut]]))
    assert found == rows[: len(found)]
    assert len(found) < len(rows)


def test_nul_bytes_are_dropped_and_other_line_ends_kept() -> None:
    raw = 'Id,Name\n"1","a\0b\u2028c\x0bd\r\ne"\n'.encode()
    assert list(read_rows([raw])) == [["Id", "Name"], ["1", "ab\u2028c\x0bd\r\ne"]]


@pytest.mark.parametrize("raw", [b'"a","b"\n"1"\n', b'"a"\n"open', b'"a"\n"\xff"\n', b'"a"\n"x"y\n'])
def test_csv_that_is_none_is_a_bad_answer(raw: bytes) -> None:
    with pytest.raises(BadAnswer):
        list(read_rows([raw]))


def test_a_cell_may_be_longer_than_the_module_expects() -> None:
    long = "x" * 200_000
    assert list(read_rows([f'"{long}"\n'.encode()])) == [[long]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05.000+0000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.000Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", None),
        ("", None),
        (None, None),
        (12, None),
    ],
)
def test_instants_are_read_in_both_forms(text: object, expected: datetime | None) -> None:
    assert moments.parse(text) == expected


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(st.sampled_from(["id", "stamp", "bulk", "merged"]), INSTANTS, st.integers(0, 10**9), st.none() | INSTANTS)
def test_positions_survive_being_stored(kind: str, upper: datetime, rows: int, stamp: datetime | None) -> None:
    position = Position(kind, upper, rows, "001kW0000000001QAA", stamp, "750R0000000zlh9IAA", "MTAw", 7)  # type: ignore[arg-type]
    assert Position.load(position.dump()) == position


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"kind":"id"}',
        '{"kind":"else","upper":"2026-01-01T00:00:00Z","rows":1}',
        '{"kind":"id","upper":"soon","rows":1}',
        '{"kind":"id","upper":"2026-01-01T00:00:00Z","rows":1,"last_id":"\' OR 1"}',
    ],
)
def test_a_damaged_position_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="damaged"):
        Position.load(text)
