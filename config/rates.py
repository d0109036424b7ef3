"""The reporting currency and its exchange rates: a table in the configuration, or a CSV file beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from config.currencies import CURRENCIES
from config.errors import ConfigFileError, Problem
from mapping.rates import HIGHEST_RATE, RATE_DECIMALS, Quote, Rates
from mapping.spelling import did_you_mean

if TYPE_CHECKING:
    from config.settings import Settings

COLUMNS = ("currency", "on", "rate")
MAX_BYTES = 5_000_000
_DAY = "must be a day such as 2026-01-31"
Rows = list[tuple[int, "Rate"]]
"""Quotes, each with its line in a CSV file or its place in the list."""


def parse_currency(value: object) -> str:
    """A code of ISO 4217 in capitals; raises ValueError for anything else."""
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in CURRENCIES:
        hint = did_you_mean(code, CURRENCIES)
        raise ValueError(f"{value!r} is no currency code of ISO 4217 such as EUR or USD{hint}")
    return code


def parse_rate(value: object) -> Decimal:
    """A positive number; raises ValueError for anything else, and for one that could not be multiplied exactly."""
    try:
        rate = Decimal(str(value).strip()) if isinstance(value, (str, int, float, Decimal)) else Decimal("NaN")
    except InvalidOperation:
        rate = Decimal("NaN")
    if isinstance(value, bool) or not rate.is_finite():
        raise ValueError("must be a finite number: units of the reporting currency for one unit")
    if rate <= 0:
        raise ValueError("must be greater than zero: units of the reporting currency for one unit")
    if rate >= HIGHEST_RATE or rate != round(rate, RATE_DECIMALS):
        raise ValueError(f"must be below {HIGHEST_RATE} and have at most {RATE_DECIMALS} decimals")
    return rate


def parse_day(value: object) -> date:
    """A day; raises ValueError for anything else."""
    if isinstance(value, datetime) or not isinstance(value, (date, str)):
        raise ValueError(_DAY)  # noqa: TRY004 - pydantic's word
    try:
        return value if isinstance(value, date) else date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(_DAY) from None


Currency = Annotated[
    str,
    BeforeValidator(parse_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["EUR", "USD"]}),
]


class Rate(BaseModel):
    """What one unit of a currency is worth in the reporting currency, from a day on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Currency = Field(description="Currency code of ISO 4217.")
    on: Annotated[
        date,
        PlainValidator(parse_day),
        PlainSerializer(date.isoformat, return_type=str),
        WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]}),
    ] = Field(description="First day on which the rate counts; it counts until the next one.")
    rate: Annotated[
        Decimal,
        PlainValidator(parse_rate),
        PlainSerializer(str, return_type=str),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "examples": [0.92]}),
    ] = Field(description="Units of the reporting currency for one unit.")

    def __str__(self) -> str:
        return f"{self.currency} {self.on} {self.rate}"


def load_rates(settings: Settings) -> Rates | None:
    """The rates of the settings, None without a reporting currency.

    Raises ConfigFileError that names file, line and key: a CSV file that cannot be read, rates without a reporting
    currency or of that currency itself, dates of a currency that do not increase.
    """
    from config.fieldmaps import problem_at

    given = settings.rates
    if settings.currency is None:
        if given:
            hint = "Add `currency:`, the currency into which amounts are converted."
            raise ConfigFileError([problem_at(settings, ("rates",), "needs a reporting currency", hint)])
        return None
    rows = _from_csv(given) if isinstance(given, str) else list(enumerate(given))
    wrong = [
        Problem(given, place, key, f"{text}.")
        if isinstance(given, str)
        else problem_at(settings, ("rates", place, key), text)
        for place, key, text in _mistakes(rows, settings.currency)
    ]
    if wrong:
        raise ConfigFileError(wrong)
    return Rates(settings.currency, tuple(Quote(one.currency, one.on, one.rate) for _, one in rows))


def _mistakes(rows: Rows, reporting: str) -> Iterator[tuple[int, str, str]]:
    """(place, key, what is wrong) of quotes that make no sense beside the others."""
    last: dict[str, date] = {}
    for place, one in rows:
        if one.currency == reporting:
            yield place, "currency", f"{one.currency} is the reporting currency itself, whose rate is always 1"
        before = last.get(one.currency)
        if before is not None and one.on <= before:
            yield place, "on", f"{one.on} does not come after {before}, the day of the rate of {one.currency} before it"
        last[one.currency] = max(one.on, before or one.on)


def _from_csv(name: str) -> Rows:
    try:
        raw = Path(name).read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error), "Check the path.") from None
    except UnicodeDecodeError:
        raise _unreadable(name, "is no text in UTF-8", "Save it as CSV in UTF-8.") from None
    if len(raw) > MAX_BYTES:
        raise _unreadable(name, f"is larger than {MAX_BYTES} bytes", "Leave out what is older than your records.")
    lines = _lines(name, text)
    _, first = next(lines, (1, []))
    head = [cell.strip().lower() for cell in first]
    if sorted(head) != sorted(COLUMNS):
        hint = f"The first line has to be {','.join(COLUMNS)}."
        raise ConfigFileError([Problem(name, 1, "rates", "has other columns.", hint)])
    rows: Rows = []
    problems: list[Problem] = []
    for line, cells in lines:
        if any(cell.strip() for cell in cells):
            problems += _read_row(name, line, head, cells, rows)
    if problems:
        raise ConfigFileError(problems)
    return rows


def _lines(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Every line of a CSV file with its number; lines may end as on any system."""
    reader = csv.reader(io.StringIO(text, newline=None))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise ConfigFileError([Problem(name, reader.line_num, "rates", f"is no CSV: {error}.")]) from None


def _unreadable(name: str, what: str, hint: str) -> ConfigFileError:
    return ConfigFileError([Problem(name, None, "rates", f"{what}.", hint)])


def _read_row(name: str, line: int, head: Sequence[str], cells: Sequence[str], rows: Rows) -> list[Problem]:
    if len(cells) != len(head):
        return [Problem(name, line, "rates", f"has {len(cells)} values instead of {len(head)}.")]
    try:
        rows.append((line, Rate.model_validate(dict(zip(head, cells, strict=True)))))
    except ValidationError as error:
        return [
            Problem(name, line, str(one["loc"][0]), f"{str(one['msg']).removeprefix('Value error, ')}.")
            for one in error.errors(include_url=False, include_input=False)
        ]
    return []
