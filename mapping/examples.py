"""Examples beside a framework: an account as somebody writes it down, and what the framework has to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isclose
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import Field as PydanticField
from pydantic import PlainValidator, ValidationError, field_validator

from mapping import engine, schema
from mapping.accounts import USAGE
from mapping.frames import AsOf, Frames
from mapping.framework import Framework, FrameworkError
from mapping.framework.errors import Path, Problem
from mapping.framework.shape import shape_problems
from mapping.framework.spec import Part
from mapping.rates import HIGHEST_RATE, RATE_DECIMALS, Quote, Rates
from mapping.records import ENTITIES, FieldType
from mapping.spelling import did_you_mean
from mapping.values import READERS, Unreadable, instant, number_decimal, time_zones

ACCOUNT = "example"
STREAMS = ("deals", "tickets", "meetings", "calls", "surveys", "contracts", "milestones", "readings")
ALERTS = "alerts"
DATED = ("closed_won_at",)
"""Instants of which midnight UTC stands for the day without a time, in every zone."""
Row = dict[str, Any]
Rows = tuple[Row, ...]


def _day_or_instant(raw: object) -> date | datetime:
    """What YAML has read as a day or an instant, or the same in quotes; a number is neither."""
    if isinstance(raw, str):
        try:
            raw = date.fromisoformat(raw) if len(raw) <= len("2026-01-02") else datetime.fromisoformat(raw)
        except ValueError:
            raw = None
    if not isinstance(raw, date):
        raise ValueError("has to be a day such as 2026-01-02, or an instant such as 2026-01-02T10:00:00Z")  # noqa: TRY004 - pydantic's word
    instant(raw)
    return raw


Code = Annotated[str, PydanticField(pattern=r"^[A-Z]{3}$")]
When = Annotated[date | datetime, PlainValidator(_day_or_instant)]


class Past(Part):
    """An evaluation before the one that is tested."""

    at: When
    score: Annotated[float, PydanticField(ge=0, le=100, allow_inf_nan=False)] | None = None
    band: str


class ExampleRate(Part):
    """What a currency is worth in the example's reporting currency, from a day on."""

    currency: Code
    on: date
    rate: Annotated[Decimal, PydanticField(gt=0, lt=HIGHEST_RATE, decimal_places=RATE_DECIMALS, allow_inf_nan=False)]


class Example(Part):
    """One account and what is expected of it."""

    name: Annotated[str, PydanticField(min_length=1)]
    as_of: When
    timezone: str = "UTC"
    currency: Code | None = None
    rates: tuple[ExampleRate, ...] = ()
    connected: tuple[Literal["deals", "tickets", "meetings", "calls", "surveys", "usage"], ...] | None = None
    account: Row = PydanticField(default_factory=dict)
    deals: Rows = ()
    tickets: Rows = ()
    meetings: Rows = ()
    calls: Rows = ()
    surveys: Rows = ()
    contracts: Rows = ()
    milestones: Rows = ()
    readings: Rows = ()
    history: tuple[Past, ...] = ()
    expect: Annotated[Row, PydanticField(min_length=1)]

    @field_validator("milestones", mode="before")
    @classmethod
    def _reached(cls, raw: object) -> object:
        """`{kick_off: 2026-01-02}` for a list of rows."""
        return [{"key": key, "completed_on": on} for key, on in raw.items()] if isinstance(raw, dict) else raw


class ExampleFile(Part):
    """The file beside a framework."""

    tests: Annotated[tuple[Example, ...], PydanticField(min_length=1)]


@dataclass(frozen=True, slots=True)
class Miss:
    """Something that came out other than expected; both as JSON-able values."""

    what: str
    expected: object
    found: object


@dataclass(frozen=True, slots=True)
class Verdict:
    """One example: `misses` is empty when everything came out as expected."""

    name: str
    misses: tuple[Miss, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """An example that could be read, ready to be evaluated."""

    example: Example
    at: AsOf
    rows: Mapping[str, list[Row]] = field(repr=False)
    past: Sequence[Row] = field(default=(), repr=False)


def read_examples(data: Mapping[str, object], framework: Framework, name: str) -> list[Case]:
    """Read a parsed file of examples for `framework`; raises `FrameworkError` with everything that is wrong in it."""
    try:
        file = ExampleFile.model_validate(data)
    except ValidationError as error:
        raise FrameworkError(name, shape_problems(error)) from None
    problems: list[Problem] = []
    cases = [_case(("tests", index), example, problems) for index, example in enumerate(file.tests)]
    names = [example.name for example in file.tests]
    problems += [
        Problem(("tests", index, "name"), f"{one!r} is used twice")
        for index, one in enumerate(names) if one in names[:index]
    ]  # fmt: skip
    if not problems:
        known, nothing = _known(framework), "there is nothing of that name to expect"
        problems += [
            Problem(("tests", index, "expect", key), f"{nothing}{did_you_mean(key, known)}")
            for index, example in enumerate(file.tests) for key in example.expect if key not in known
        ]  # fmt: skip
        problems += _unknown_milestones(file, framework)
        problems += [
            Problem(("tests", index, "expect", key), said)
            for index, example in enumerate(file.tests) for key, value in example.expect.items()
            if (said := _no_number(value))
        ]  # fmt: skip
    if problems:
        raise FrameworkError(name, problems)
    return cases


def judge(cases: Sequence[Case], framework: Framework) -> Iterator[Verdict]:
    """Evaluate each example by itself and compare; an account never sees another one."""
    for case in cases:
        evaluation = engine.evaluate(_frames(case), framework, case.at)
        found = {**evaluation.row(ACCOUNT), ALERTS: evaluation.alerts().get_column("alert").to_list()}
        misses = (
            Miss(key, _plain(expected), _plain(found[key]))
            for key, expected in case.example.expect.items()
            if not _same(expected, found[key])
        )
        yield Verdict(case.example.name, tuple(misses))


def _unknown_milestones(file: ExampleFile, framework: Framework) -> Iterator[Problem]:
    """Milestones of an example that no rule can see."""
    spec = framework.spec
    for index, example in enumerate(file.tests):
        for number, row in enumerate(example.milestones):
            if not spec.looks_for(key := str(row.get("key"))):
                message = f"the framework has no milestone {key!r}{did_you_mean(key, frozenset(spec.recorded))}"
                yield Problem(("tests", index, "milestones", number), message)


def _case(path: Path, example: Example, problems: list[Problem]) -> Case:
    name = example.timezone
    if name not in time_zones() or name == "localtime":
        problems.append(Problem((*path, "timezone"), f"there is no time zone {name!r}"))
        name = "UTC"
    zone = ZoneInfo(name)
    at = _moment(example.as_of, name)
    rows: dict[str, list[Row]] = {"account": [], "attendance": []}
    account = _read((*path, "account"), "account", example.account, zone, problems)
    rows["account"].append({"account_id": ACCOUNT, **account, **_feeds(example)})
    for stream in STREAMS:
        entity = stream.removesuffix("s")
        rows[entity] = []
        for index, raw in enumerate(getattr(example, stream)):
            where, key = (*path, stream, index), f"{entity}{index}"
            people = raw.get("contacts", []) if entity == "meeting" else []
            given = {name: value for name, value in raw.items() if (entity, name) != ("meeting", "contacts")}
            rows[entity].append({**_keys(stream, key), **_read(where, entity, given, zone, problems)})
            if not isinstance(people, list):
                problems.append(Problem((*where, "contacts"), "has to be a list of names"))
                continue
            rows["attendance"] += [
                {**_keys("attendances", f"{key}:{one}"), "meeting_ref": key, "contact_ref": str(one)} for one in people
            ]
    past = [{"account_id": ACCOUNT, "at": _moment(one.at, name).utc, "score": one.score, "band": one.band}
            for one in example.history]  # fmt: skip
    return Case(example, at, rows, past)


def _keys(stream: str, key: str) -> Row:
    return {"account_id": ACCOUNT, "connection": "crm", "id": key, "stream": stream}


def _moment(as_of: date | datetime, zone: str) -> AsOf:
    """A day stands for its end, as `--as-of` does; an instant without an offset is in the example's zone."""
    if not isinstance(as_of, datetime):
        return AsOf.end_of(as_of, zone)
    return AsOf(as_of if as_of.tzinfo is not None else as_of.replace(tzinfo=ZoneInfo(zone)), zone)


def _feeds(example: Example) -> dict[str, bool]:
    """What is connected: what the example says, else everything but a usage feed without figures."""
    if example.connected is not None:
        return {feed: feed.removeprefix("has_") in example.connected for feed in schema.FEEDS}
    # With one of these an example has a usage feed, unless it says what is connected.
    usage = any(example.account.get(one) is not None for one in USAGE)
    return {**dict.fromkeys(schema.FEEDS, True), "has_usage": usage}


def _read(path: Path, entity: str, fields: Mapping[str, Any], zone: ZoneInfo, problems: list[Problem]) -> Row:
    known = {item.name: item for item in ENTITIES[entity]}
    row: Row = {}
    for name, value in fields.items():
        if name not in known:
            problems.append(Problem((*path, name), f"{entity} has no field {name!r}{did_you_mean(name, known)}"))
        elif value is not None:
            dated = known[name].type is FieldType.INSTANT and name not in DATED and _is_day(value)
            given = datetime.combine(date.fromisoformat(str(value)), time(), zone) if dated else value
            try:
                row[name] = READERS[known[name].type](given, zone)
            except Unreadable as error:
                problems.append(Problem((*path, name), str(error)))
    return row


def _is_day(value: object) -> bool:
    if isinstance(value, str) and len(value) == len("2026-01-02"):
        try:
            return bool(date.fromisoformat(value))
        except ValueError:
            return False
    return isinstance(value, date) and not isinstance(value, datetime)


def _frames(case: Case) -> Frames:
    made: dict[str, Any] = {
        f"{entity}s": pl.DataFrame(rows, schema=schema.child_schema(entity), orient="row")
        for entity, rows in case.rows.items()
        if entity != "account"
    }
    return Frames(
        accounts=pl.DataFrame(case.rows["account"], schema=schema.account_schema(), orient="row"),
        history=pl.DataFrame(list(case.past), schema=dict(schema.HISTORY), orient="row"),
        rates=_rates(case.example),
        **made,
    )


def _rates(example: Example) -> Rates | None:
    if example.currency is None:
        return None
    quotes = (Quote(one.currency, one.on, one.rate) for one in example.rates)
    return Rates(example.currency, tuple(quotes))


def _known(framework: Framework) -> frozenset[str]:
    """Everything that can be expected: whatever the evaluation of an account has a column for, and its alerts."""
    moment = AsOf(datetime(2026, 1, 2, tzinfo=UTC))
    frames = Frames(pl.DataFrame([{"account_id": ACCOUNT}], schema=schema.account_schema(), orient="row"))
    return frozenset({*engine.evaluate(frames, framework, moment).row(ACCOUNT), ALERTS})


def _no_number(value: object) -> str:
    """What is wrong with a number that nothing can be equal to, such as `.nan`; empty for everything else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number_decimal(value)
    except Unreadable as error:
        return str(error)
    return ""


def _same(expected: object, found: object) -> bool:
    """Whether two values are the same for somebody who writes `79.3`, `2025-04-30` or a list of alerts in any order."""
    if isinstance(found, list):
        wanted = [] if expected is None else expected
        return isinstance(wanted, list) and sorted(map(str, wanted)) == sorted(map(str, found))
    if isinstance(expected, bool) or isinstance(found, bool) or expected is None or found is None:
        return expected is found
    if isinstance(found, Decimal) and isinstance(expected, (int, float)):
        return number_decimal(expected) == found
    if isinstance(found, (int, float)) and isinstance(expected, (int, float)):
        return isclose(expected, found, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(found, datetime):
        return _is_instant(expected, found)
    return str(_plain(expected)) == str(_plain(found))


def _is_instant(expected: object, found: datetime) -> bool:
    """The same instant however its offset is written; one without an offset is in UTC, as it is in a record."""
    try:
        return instant(expected) == found
    except Unreadable:
        return False


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
