"""Faults of the script: what a client gets, and whether the tenant changed although it got no answer."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.gainsight_tenant import COMPANY, OBJECTS, Tenant, refused, tenant, where


def change(gs: Tenant, value: int) -> requests.Response:
    return gs.update({"Gsid": gs.company()["Gsid"], "Employees": value})


@pytest.mark.parametrize(
    ("kind", "told"),
    [("unauthorized", (401, "GS_APIG_2401")), ("bad_headers", (400, "GSOBJ_1024")),
     ("forbidden_ip", (403, "GS_APIG_2402")), ("too_many", (429, "GU_2400")), ("500", (500, "GU_1101")),
     ("result_false", (200, "GU_1101"))],
)  # fmt: skip
def test_a_scripted_refusal_has_the_vendors_body_and_no_effect(kind: str, told: tuple[int, str]) -> None:
    with tenant() as gs:
        gs.break_next(kind, method="PUT")
        assert refused(change(gs, 4_711)) == told
        assert gs.journal() == []
        assert change(gs, 4_711).json()["result"] is True


@pytest.mark.parametrize(("kind", "status"), [("html_200", 200), ("502", 502), ("503", 503), ("504", 504)])
def test_a_page_comes_instead_of_json(kind: str, status: int) -> None:
    with tenant() as gs:
        gs.break_next(kind, path=f"{OBJECTS}/query/*", nth=2, times=2)
        answers = [gs.query("Company", "Gsid", limit=1) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, status, status, 200]
        assert answers[1].headers["content-type"].startswith("text/html")
        with pytest.raises(requests.JSONDecodeError):
            answers[1].json()


@pytest.mark.parametrize("kind", ["commit_then_drop", "commit_then_500", "truncated_json", "truncated_body"])
def test_a_write_whose_answer_is_lost_has_happened(kind: str) -> None:
    with tenant() as gs:
        gs.break_next(kind, path=COMPANY)
        if kind in {"commit_then_drop", "truncated_body"}:
            with pytest.raises(requests.RequestException):
                change(gs, 4_711).json()
        elif kind == "commit_then_500":
            assert refused(change(gs, 4_711)) == (500, "GU_1101")
        else:
            with pytest.raises(requests.JSONDecodeError):
                change(gs, 4_711).json()
        assert [(one["property"], one["new"]) for one in gs.journal()] == [("Employees", 4_711)]


def test_a_dropped_request_has_no_effect_and_a_slow_one_has() -> None:
    with tenant() as gs:
        gs.break_next("drop")
        with pytest.raises(requests.ConnectionError):
            change(gs, 4_711)
        assert gs.journal() == []
        gs.break_next("slow", seconds=0.05)
        assert change(gs, 4_711).elapsed.total_seconds() >= 0.05


def test_rows_repeat_over_the_edge_of_a_page() -> None:
    with tenant() as gs:
        order = {"ModifiedDate": "asc", "Gsid": "asc"}
        first = gs.rows("Company", "Gsid", orderBy=order, limit=5)
        gs.break_next("repeat_rows", path=f"{OBJECTS}/query/*")
        second = gs.rows("Company", "Gsid", orderBy=order, limit=5, offset=5)
        assert second[0] == first[-1]
        assert gs.rows("Company", "Gsid", orderBy=order, limit=5, offset=5)[:4] == second[1:]


def test_people_are_busy_between_pages_so_that_offsets_lose_a_row_and_ids_do_not() -> None:
    with tenant() as gs:
        everybody = sorted(gs.state.tenant.tables["company"].rows)
        gs.break_next("churn", path=f"{OBJECTS}/query/*")
        order = {"Gsid": "asc"}
        first = gs.rows("Company", "Gsid", orderBy=order, limit=20)
        kept = set(gs.state.tenant.tables["company"].rows) & set(everybody)
        by_offset = gs.rows("Company", "Gsid", orderBy=order, limit=5_000, offset=20)
        by_id = gs.rows("Company", "Gsid", orderBy=order, where=where("Gsid", "GT", first[-1]["Gsid"]))
        made = {one["id"] for one in gs.journal() if one["action"] == "create"}
        assert (len(kept), len(made)) == (len(everybody) - 2, 1)
        assert kept <= {one["Gsid"] for one in [*first, *by_id]}
        assert min(made) > first[-1]["Gsid"]  # it does not fill the gap by chance
        assert not kept <= {one["Gsid"] for one in [*first, *by_offset]}


def test_a_late_change_carries_an_instant_that_readers_have_passed() -> None:
    with tenant() as gs:
        company = gs.company()["Gsid"]
        gs.clock.pass_by(3_600)
        passed = where("ModifiedDate", "GTE", round(gs.clock.now * 1000) - 60_000)
        body = {"object": "Company", "id": company, "properties": {"Arr": 5}, "late_seconds": 1_800}
        gs.control("edit", body)
        assert gs.rows("Company", "Gsid", where=passed) == []
        (row,) = gs.rows("Company", "Arr", "ModifiedDate", where=where("Gsid", "EQ", company))
        assert row == {"Arr": 5, "ModifiedDate": round(gs.clock.now * 1000) - 1_800_000}


def test_a_script_with_a_mistake_is_refused_and_a_script_can_end() -> None:
    with tenant() as gs:
        for wrong in ([{"kind": "nonsense"}], [{"kind": "500", "when": 1}], [{"kind": "500", "nth": "1"}], ["500"], 5):
            body = {"faults": wrong}
            assert gs.session.post(f"{gs.url}/_sandbox/faults", json=body, timeout=5).status_code == 400
        gs.control("faults", [{"kind": "500", "times": 0}])
        assert [change(gs, number).status_code for number in (1, 2)] == [500, 500]
        gs.session.delete(f"{gs.url}/_sandbox/faults", timeout=5)
        assert change(gs, 3).status_code == 200
        stats = gs.session.get(f"{gs.url}/_sandbox/stats", timeout=5).json()
        assert (stats["requests"], stats["faults"]) == (3, 2)
        assert (stats["by_status"], stats["by_route"]) == ({"500": 2, "200": 1}, {f"PUT {COMPANY}": 3})
