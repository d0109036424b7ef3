"""The reporting currency and its rates, from a list and from a CSV file, and the place of every mistake in them."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.currencies import CURRENCIES
from config.describe import checked, effective, json_schema
from config.errors import ConfigFileError
from config.rates import load_rates
from mapping.rates import Quote
from tests.unit.config.conftest import MINIMAL, Load

TABLE = "currency: eur\nrates:\n"
FIRST = len(MINIMAL.splitlines()) + 3
"""Line of the first rate."""


def with_rates(*rows: str) -> str:
    return MINIMAL + TABLE + "".join(f"  - {row}\n" for row in rows)


def test_a_list_and_a_file_say_the_same(load: Load, tmp_path: Path) -> None:
    settings = load(
        with_rates("{currency: USD, on: 2026-01-01, rate: 0.92}", '{currency: usd, on: "2026-07-01", rate: "1"}')
    )
    quotes = (Quote("USD", date(2026, 1, 1), Decimal("0.92")), Quote("USD", date(2026, 7, 1), Decimal(1)))
    found = load_rates(settings)
    assert found is not None
    assert (found.currency, found.quotes) == ("EUR", quotes)
    (tmp_path / "rates.csv").write_text("\ufeffrate,On,currency\r\n0.92,2026-01-01,USD\r\n\r\n1,2026-07-01, usd\r\n")
    assert load_rates(load(MINIMAL + "currency: EUR\nrates: rates.csv\n")) == found
    json.dumps(checked(settings))
    assert {"currency", "rates"} <= {entry.key for entry in effective(settings)}


def test_without_a_currency_there_are_no_rates(load: Load) -> None:
    assert load_rates(load(MINIMAL)) is None
    assert load_rates(load(MINIMAL + "currency: EUR\n")).quotes == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "key", "message"),
    [
        ("{currency: USDX, on: 2026-01-01, rate: 1}", "currency", "'USDX' is no currency code of ISO 4217"),
        ("{currency: 1, on: 2026-01-01, rate: 1}", "currency", "is no currency code"),
        ("{currency: USD, on: soon, rate: 1}", "on", "must be a day such as 2026-01-31"),
        ("{currency: USD, on: 2026-01-01 10:00, rate: 1}", "on", "must be a day"),
        ("{currency: USD, on: 2026-01-01, rate: 0}", "rate", "must be greater than zero"),
        ("{currency: USD, on: 2026-01-01, rate: -1}", "rate", "must be greater than zero"),
        ("{currency: USD, on: 2026-01-01, rate: .nan}", "rate", "must be a finite number"),
        ("{currency: USD, on: 2026-01-01, rate: .inf}", "rate", "must be a finite number"),
        ("{currency: USD, on: 2026-01-01, rate: true}", "rate", "must be a finite number"),
        ("{currency: USD, on: 2026-01-01, rate: much}", "rate", "must be a finite number"),
        ("{currency: USD, on: 2026-01-01, rate: 1000000}", "rate", "must be below 1000000"),
        ('{currency: USD, on: 2026-01-01, rate: "0.00000000001"}', "rate", "at most 10 decimals"),
        ("{currency: USD, on: 2026-01-01}", "rate", "is required"),
        ("{currency: USD, on: 2026-01-01, rate: 1, of: x}", "of", "there is no such key"),
        ("{currency: EUR, on: 2026-01-01, rate: 1}", "currency", "is the reporting currency itself"),
    ],
)
def test_a_wrong_rate_is_named_with_its_line(load: Load, row: str, key: str, message: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load_rates(load(with_rates("{currency: GBP, on: 2026-01-01, rate: 1.15}", row)))
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (FIRST + 1, f"rates[1].{key}")
    assert message in problem.message
    assert not problem.message.endswith("..")


def test_dates_of_a_currency_increase(load: Load) -> None:
    days = ("2026-01-02", "2026-01-02", "2026-01-01", "2026-01-03")
    rows = [f"{{currency: USD, on: {one}, rate: 1}}" for one in days]
    with pytest.raises(ConfigFileError) as caught:
        load_rates(load(with_rates("{currency: GBP, on: 2026-02-01, rate: 1}", *rows)))
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (FIRST + 2, "rates[2].on"),
        (FIRST + 3, "rates[3].on"),
    ]
    assert "2026-01-01 does not come after 2026-01-02, the day of the rate of USD" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("currency;on;rate\n", 1, "has other columns"),
        ("", 1, "has other columns"),
        ("currency,on,rate\nUSD,2026-01-01\n", 2, "has 2 values instead of 3"),
        ("currency,on,rate\nUSD,2026-01-01,1\nXYZ,2026-01-01,1\n", 3, "'XYZ' is no currency code"),
        ("currency,on,rate\nUSD,2026-01-01,nan\n", 2, "must be a finite number"),
        ("currency,on,rate\nUSD,2026-01-01,1\nUSD,2026-01-01,2\n", 3, "does not come after"),
        ("currency,on,rate\nEUR,2026-01-01,1\n", 2, "is the reporting currency itself"),
    ],
)
def test_a_wrong_line_of_a_file_is_named(load: Load, tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "rates.csv").write_text(text)
    with pytest.raises(ConfigFileError) as caught:
        load_rates(load(MINIMAL + "currency: EUR\nrates: rates.csv\n"))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "rates.csv"), line)
    assert message in problem.message


def test_a_cell_too_long_for_csv_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("currency,on,rate\n" + "1" * 1_001)
    limit = csv.field_size_limit(1_000)  # of the whole process, and other readers raise it
    try:
        with pytest.raises(ConfigFileError) as caught:
            load_rates(load(MINIMAL + "currency: EUR\nrates: rates.csv\n"))
    finally:
        csv.field_size_limit(limit)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "rates.csv"), 2)
    assert "field larger than field limit" in problem.message


def test_a_file_with_the_line_ends_of_an_old_spreadsheet_is_read(load: Load, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_bytes(b"currency,on,rate\rUSD,2026-01-01,0.92\r")
    found = load_rates(load(MINIMAL + "currency: EUR\nrates: rates.csv\n"))
    assert found is not None
    assert found.quotes == (Quote("USD", date(2026, 1, 1), Decimal("0.92")),)


def test_a_file_that_cannot_be_read_is_named(load: Load, tmp_path: Path) -> None:
    settings = load(MINIMAL + "currency: EUR\nrates: rates.csv\n")
    with pytest.raises(ConfigFileError, match=r"rates\.csv: rates: No such file or directory"):
        load_rates(settings)
    (tmp_path / "rates.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigFileError, match="is no text in UTF-8"):
        load_rates(settings)


def test_rates_need_a_reporting_currency(load: Load) -> None:
    with pytest.raises(ConfigFileError, match="needs a reporting currency"):
        load_rates(load(MINIMAL + "rates:\n  - {currency: USD, on: 2026-01-01, rate: 1}\n"))


def test_an_unknown_reporting_currency_has_a_suggestion(load: Load) -> None:
    with pytest.raises(ConfigFileError, match="did you mean EUR"):
        load(MINIMAL + "currency: EURO\n")


def test_the_schema_knows_both_forms() -> None:
    schema = json_schema()
    assert schema["properties"]["currency"]["anyOf"][0]["pattern"] == "^[A-Za-z]{3}$"
    assert {one["type"] for one in schema["properties"]["rates"]["oneOf"]} == {"array", "string"}
    assert set(schema["$defs"]["Rate"]["required"]) == {"currency", "on", "rate"}
    assert len(CURRENCIES) > 150
