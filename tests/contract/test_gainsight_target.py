"""Keepwell's fields in rows of a custom object that lead to companies, instead of on Company."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Change, Outcome, StreamMap, Window
from connectors.gainsight.connector import GainsightConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.contract.gainsight_tenant import OBJECT, TARGET, Tenant, add_row, pull, put_aside, records, row_of, tenant

SCORE, STATUS = "CS_Health_Score__gc", "CS_Renewal_Status__gc"
MAPS = {"companies": StreamMap("account", ("Name", SCORE, STATUS), {SCORE: (), STATUS: ()})}


@pytest.fixture
def aside() -> Iterator[Tenant]:
    """A tenant whose fields are in rows beside the companies, one row for each company."""
    with tenant() as one:
        put_aside(one)
        yield one


def connector(one: Tenant, **changes: Any) -> GainsightConnector:
    """A connection that keeps its fields beside the companies."""
    return one.connector(MAPS, target=TARGET, **changes)


def refs(ids: Sequence[str]) -> list[Ref]:
    """References to companies."""
    return [Ref("gainsight", "Company", one) for one in ids]


def write(one: GainsightConnector, ids: Sequence[str], **values: str | None) -> dict[str, Outcome]:
    """Write the same values to companies."""
    named = values or {SCORE: "71"}
    return {outcome.ref.id: outcome for outcome in one.write([Change(ref, named) for ref in refs(ids)])}


def test_values_go_to_the_rows_beside_companies_fifty_in_a_call(aside: Tenant) -> None:
    ids, one = sorted(aside.rows())[:50], connector(aside)
    outcomes = write(one, ids)
    assert {outcome.kind for outcome in outcomes.values()} == {"confirmed"}
    assert all(row_of(aside, gsid)[SCORE] == 71 for gsid in ids)
    assert aside.state.stats.by_route[f"PUT /v1/data/objects/{OBJECT}"] == 1
    assert {seen.values[SCORE] for seen in one.read_values(refs(ids), [SCORE])} == {71}
    assert one.write_cost(50) == 3


def test_a_company_without_a_row_and_one_with_two_are_told_and_the_others_written(aside: Tenant) -> None:
    without, twice, gone, *others = sorted(aside.rows())[:6]
    aside.post("delete", {"object": OBJECT, "id": row_of(aside, without)["Gsid"]})
    add_row(aside, twice)
    aside.post("delete", {"object": "Company", "id": gone})  # its row stays, and leads nowhere
    one = connector(aside)
    seen = {observed.ref.id: observed for observed in one.read_values(refs([without, gone, *others]), [SCORE])}
    assert (seen[without].missing, seen[without].values) == (False, {SCORE: None})
    assert seen[gone].missing
    outcomes = write(one, [without, twice, gone, *others])
    assert (outcomes[without].kind, outcomes[twice].kind, outcomes[gone].kind) == ("rejected", "rejected", "gone")
    assert "has no row of this company" in outcomes[without].reason
    assert "has 2 rows of this company" in outcomes[twice].reason
    assert {outcomes[gsid].kind for gsid in others} == {"confirmed"}


@pytest.mark.parametrize("details", [True, False])
def test_one_bad_record_of_fifty_is_rejected_and_the_others_are_written(aside: Tenant, details: bool) -> None:
    aside.post("options", {"error_details": details})
    ids, one = sorted(aside.rows())[:50], connector(aside)
    one.read_values(refs(ids), [STATUS])  # describes the picklist, which an admin then changes
    aside.post("picklist", {"object": OBJECT, "field": STATUS, "retire": "Due"})
    batch = [Change(ref, {SCORE: "71", STATUS: "due" if ref.id == ids[17] else "on_track"}) for ref in refs(ids)]
    outcomes = {outcome.ref.id: outcome for outcome in one.write(batch)}
    assert [gsid for gsid, outcome in outcomes.items() if outcome.kind != "confirmed"] == [ids[17]]
    assert sum(row[SCORE] == 71 for row in aside.rows(OBJECT).values()) == 49


def test_a_pull_shows_what_is_beside_companies_and_when_a_person_changed_it(aside: Tenant) -> None:
    one, gsid = connector(aside, pull={"page": 9}), min(aside.rows())
    write(one, [gsid])
    first = pull(one)
    assert {key for key, record in records(first).items() if record.properties[SCORE] == 71} == {gsid}
    assert records(first).keys() == aside.rows().keys()
    aside.clock.sleep(90_000)
    since = first[-1].high_water + timedelta(hours=48)
    assert records(pull(one, window=Window(since=since))) == {}
    aside.post("edit", {"object": OBJECT, "id": row_of(aside, gsid)["Gsid"], "properties": {SCORE: 12}})
    again = records(pull(one, window=Window(since=since)))
    assert {key: record.properties[SCORE] for key, record in again.items()} == {gsid: 12}


def test_what_an_admin_has_to_add_begins_with_the_object_and_its_lookup(tmp_path: Path, aside: Tenant) -> None:
    spec = FieldSpec("health_score", ValueType.NUMBER, "Health score", "Health.", decimals=1)
    there = connector(aside).fields()
    assert [finding.action for finding in there.plan([spec])] == ["exists"]
    absent = aside.connector(MAPS, target={"object": "keepwell__gc", "company": "Company__gc"}).fields()
    (finding,) = absent.plan([spec])
    assert finding.action == "by_hand"
    assert finding.detail == (
        "to be added in Data Management: the Low Volume object keepwell__gc with Company__gc, a LOOKUP to Company, "
        "then NUMBER with 1 decimals"
    )
    (path,) = absent.export([spec], tmp_path)
    assert [line.split(",")[:4] for line in path.read_text().splitlines()[1:]] == [
        ["keepwell__gc", "Company__gc", "Company", "LOOKUP"],
        ["keepwell__gc", SCORE, "Health score", "NUMBER"],
    ]
    assert "Data Management > keepwell__gc" in absent.use
