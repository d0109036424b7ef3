"""Milestones from a file: taken whole or not at all, replaced, taken away, and never before what a CRM says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from store.tables import ENTITY_TABLES
from sync.engine import run_plan
from sync.errors import UsageError
from sync.explain import explain_account
from sync.milestones import Imported, import_milestones
from tests.flow.rig import Rig, rig

HEADER = "account,milestone,completed_on\n"


@pytest.fixture
def made(tmp_path: Path, either_store: str | None) -> Iterator[Rig]:
    with rig(tmp_path, accounts=8, store=either_store, provision=False) as one:
        settings = one.settings.model_copy(update={"framework": "account_management"})
        ours = Rig(one.crm, settings, one.events)
        ours.provision()
        assert ours.run(run_plan).status == "complete"
        yield ours


def take(made: Rig, folder: Path, text: str) -> Imported:
    path = folder / "milestones.csv"
    path.write_text(text, encoding="utf-8")
    with made.deps() as deps:
        return import_milestones(deps, path)


def kept(made: Rig) -> dict[tuple[str, str], date | None]:
    table = ENTITY_TABLES["milestone"].c
    with made.deps() as deps, deps.store.read() as c:
        rows = c.execute(select(table.account_ref, table.key, table.completed_on).where(table.stream == "imported"))
        return {(row.account_ref, row.key): row.completed_on for row in rows}


def reached(made: Rig, record: str) -> str | None:
    with made.deps() as deps:
        rules = explain_account(deps, record)["explanation"]["lifecycle"]["rules"]
    return str(next(one for one in rules if one["id"] == "evolve_transform")["inputs"]["transformation_started_on"])


def untold(made: Rig) -> tuple[str, str]:
    """Two companies that are live and of which HubSpot knows no transformation."""
    live = made.crm.hubspot.portal.stores["companies"].live.values()
    known = [one for one in live if "go_live_date" in one.values and not one.values.get("transformation_started_date")]
    one, other = sorted(known, key=lambda company: company.id)[:2]
    return str(one.id), str(other.id)


def test_a_file_is_taken_replaced_and_taken_away(made: Rig, tmp_path: Path) -> None:
    one, other = untold(made)
    domain = made.company(other)["domain"]
    text = (
        f"hubspot:{one},transformation_started,2026-01-15\n{domain.upper()},goals_set,\n{other},Elsewhere,2026-01-01\n"
    )
    with pytest.raises(UsageError, match=r"milestones.csv:4: 'Elsewhere' is no name of a milestone"):
        take(made, tmp_path, HEADER + text)
    assert kept(made) == {}

    text = text.replace("goals_set,", "goals_set,2026-02-01").replace("Elsewhere", "elsewhere")
    assert take(made, tmp_path, HEADER + text) == Imported(3, 0, 2, ("elsewhere",))
    assert kept(made) == {
        (one, "transformation_started"): date(2026, 1, 15),
        (other, "goals_set"): date(2026, 2, 1),
        (other, "elsewhere"): date(2026, 1, 1),
    }
    assert reached(made, one) == "2026-01-15"

    again = f"{one},transformation_started,2026-03-15\n{other},elsewhere,\n{other},goals_set,2026-02-01\n"
    assert take(made, tmp_path, HEADER + again) == Imported(2, 1, 2, ("elsewhere",))
    assert kept(made) == {(one, "transformation_started"): date(2026, 3, 15), (other, "goals_set"): date(2026, 2, 1)}

    made.person("edit", object="companies", id=one, properties={"transformation_started_date": "2025-12-24"})
    assert made.run(run_plan).status == "complete"
    assert reached(made, one) == "2025-12-24"
    assert len(kept(made)) == 2


WRONG = (
    ("account,stone,completed_on\n", "1: the first line has to name the columns account, milestone, .*: stone"),
    ("account,milestone\n", "1: the first line has to name .* wrong or missing: completed_on"),
    ("", "1: the first line has to name"),
    ("account,milestone,completed_on,\n", "1: the first line has to name .* wrong or missing: a column without a name"),
    ("account,milestone,completed_on,completed_on\n", "1: the first line names completed_on twice"),
    (HEADER + "ONE,goals_set,soon\n", "2: completed_on 'soon' is not a date"),
    (HEADER + "ONE,goals_set,2026-01-01,2026-01-02\n", "2: has more cells than the first line"),
    (HEADER + ",goals_set,2026-01-01\n", "2: names no account"),
    (HEADER + "nobody.example,goals_set,2026-01-01\n", "2: account 'nobody.example' is not in the store"),
    (HEADER + "ONE,goals_set,2026-01-01\nhubspot:ONE,goals_set,\n", "3: line 2 says something of goals_set of"),
    (HEADER + '"ONE,goals_set,2026-01-01\n', "is not a CSV file"),
    (HEADER + "ONE,goals_set,2026-01-01\n" * 30, "and 19 more"),
)


def test_a_file_that_is_not_right_is_not_taken(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8) as made:
        assert made.run(run_plan).status == "complete"
        take(made, tmp_path, HEADER)
        one = made.some_company("go_live_date")
        for text, why in WRONG:
            with pytest.raises(UsageError, match=why):
                take(made, tmp_path, text.replace("ONE", one))
        assert kept(made) == {}


def test_a_name_that_several_accounts_have_names_none_of_them(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8) as made:
        for skip in (0, 1):
            company = made.some_company("go_live_date", skip=skip)
            made.person("edit", object="companies", id=company, properties={"name": "Twice"})
        assert made.run(run_plan).status == "complete"
        with pytest.raises(UsageError, match="account 'Twice' could be 2 accounts: "):
            take(made, tmp_path, HEADER + "Twice,goals_set,2026-01-01\n")


def test_before_the_first_run_there_is_nobody_to_import_for(tmp_path: Path) -> None:
    with (
        rig(tmp_path, accounts=4, provision=False) as made,
        pytest.raises(UsageError, match="no accounts in the store"),
    ):
        take(made, tmp_path, HEADER + "x,goals_set,2026-01-01\n")


def test_milestones_from_a_file_go_with_an_account_that_is_merged(made: Rig, tmp_path: Path) -> None:
    one, other = made.some_company("go_live_date"), made.some_company("go_live_date", skip=1)
    lines = f"{one},outing_held,2026-01-15\n{one},tour_given,2026-03-01\n{other},tour_given,2026-02-01\n"
    take(made, tmp_path, HEADER + lines)
    survivor = str(made.person("merge", object="companies", id=other, other=one)["id"])
    assert survivor not in {one, other}
    assert made.run(run_plan).status == "complete"
    days = {(survivor, "outing_held"): date(2026, 1, 15), (survivor, "tour_given"): date(2026, 2, 1)}
    assert kept(made) == days
    assert made.run(run_plan).status == "complete"
    assert take(made, tmp_path, HEADER + f"{survivor},tour_given,\n") == Imported(0, 1, 1, ("tour_given",))
    assert kept(made) == {(survivor, "outing_held"): date(2026, 1, 15)}
