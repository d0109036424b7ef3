"""Properties of reading and comparing single values: nothing that a CRM sends breaks them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapping.canonical import canonical, display
from mapping.fieldmap import FieldMap
from mapping.identity import Candidate, resolve
from mapping.normalise import normalise
from mapping.records import ENTITIES, FieldSpec, FieldType, RawRecord, ValueType

MAPS = {
    name: FieldMap.parse(yaml.safe_load((Path(__file__).parents[2] / "config" / "fields" / f"{name}.yaml").read_text()))
    for name in ("hubspot", "salesforce")
}
STREAMS = [(name, stream) for name, fields in MAPS.items() for stream in fields if stream.properties]
SPECS = [FieldSpec("x", kind, "X", "x") for kind in ValueType]
TYPES = {
    FieldType.TEXT: str,
    FieldType.REF: str,
    FieldType.INT: int,
    FieldType.NUMBER: float,
    FieldType.MONEY: Decimal,
    FieldType.BOOL: bool,
    FieldType.DATE: object,
    FieldType.INSTANT: datetime,
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.decimals().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.dates().map(lambda day: day.isoformat()),
    st.integers(-(10**15), 10**15).map(str),
    st.sampled_from(
        ["true", "NaN", "1e400", "-0", "\x00", "\ud800", "٣", "2025-02-30", "2026-01-02T03:04:05.000+0000"]
    ),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_normalise_never_raises_and_gives_typed_values(data: st.DataObject) -> None:
    connection, stream = data.draw(st.sampled_from(STREAMS))
    properties = {
        name: data.draw(anything) for name in data.draw(st.lists(st.sampled_from(stream.properties), max_size=8))
    }
    found = normalise(RawRecord("1", properties), stream, connection)
    for item in ENTITIES[stream.entity]:
        value = found.row[item.name]
        assert value is None or isinstance(value, TYPES[item.type])
        if isinstance(value, str):
            value.encode("utf-8")
    reached = {f"ms.{one['key']}": one["completed_on"] for one in found.milestones}
    assert all(type(on) is date for on in reached.values())
    for problem in found.problems:
        name = str(problem.field_name)
        assert name not in reached
        assert name.startswith("ms.") or found.row[name] is None
        assert problem.reason
        problem.value.encode("utf-8")


@settings(max_examples=300, deadline=None)
@given(spec=st.sampled_from(SPECS), raw=anything)
@example(spec=SPECS[list(ValueType).index(ValueType.DATE)], raw=-62_135_596_800_001)  # a millisecond before year 1
def test_canonical_is_idempotent_and_never_raises(spec: FieldSpec, raw: object) -> None:
    once = canonical(spec, raw)
    assert canonical(spec, once) == once
    assert display(spec, once)


@given(st.decimals(-10_000, 10_000, places=3))
def test_the_same_number_has_one_canonical_form(number: Decimal) -> None:
    spec = SPECS[list(ValueType).index(ValueType.NUMBER)]
    forms = {canonical(spec, form) for form in (number, str(number), f"{number:f}000", float(number), f" {number} ")}
    assert len(forms) == 1


@given(st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1)), st.integers(-11, 11))  # noqa: DTZ001 (offset comes below)
def test_the_same_instant_has_one_canonical_form(moment: datetime, hours: int) -> None:
    spec = SPECS[list(ValueType).index(ValueType.DATETIME)]
    there = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    here = there.astimezone(UTC)
    milliseconds = str(round(here.timestamp() * 1000)) if abs(here.timestamp()) > 10**8 else here.isoformat()
    assert len({canonical(spec, form) for form in (there, here, there.isoformat(), milliseconds)}) == 1


candidates = st.lists(
    st.builds(
        Candidate,
        st.sampled_from(["hubspot", "salesforce"]),
        st.just("o"),
        st.integers(1, 8).map(str),
        st.sampled_from([None, "a.com", "b.com", "gmail.com"]),
        st.dictionaries(st.sampled_from(["hubspot", "salesforce"]), st.integers(1, 8).map(str), max_size=2),
    ),
    max_size=12,
    unique_by=lambda item: item.key,
)


@settings(max_examples=200, deadline=None)
@given(found=candidates, order=st.randoms())
def test_identity_covers_everyone_once_in_any_order(found: list[Candidate], order: object) -> None:
    types = {"hubspot": "hubspot", "salesforce": "salesforce"}
    identity = resolve(found, priority=("hubspot", "salesforce"), types=types)
    assert sorted((link.connection, link.crm_id) for link in identity.links) == sorted(item.key for item in found)
    pairs = [(link.account_id, link.connection) for link in identity.links]
    assert len(pairs) == len(set(pairs))
    shuffled = sorted(found, key=lambda _: order.random())  # type: ignore[attr-defined]
    assert resolve(shuffled, priority=("hubspot", "salesforce"), types=types) == identity
    again = resolve(found, identity.links, priority=("hubspot", "salesforce"), types=types)
    assert {(link.connection, link.crm_id): link.account_id for link in again.links} == {
        (link.connection, link.crm_id): link.account_id for link in identity.links
    }
