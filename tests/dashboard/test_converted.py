"""Answers that were there before reports were documents, as documents."""

from __future__ import annotations

from typing import Any

from dashboard.carried import capacity_document
from dashboard.documents import table_csv
from dashboard.kpis import kpis_document
from dashboard.strategic import strategic_document
from dashboard.web.reportfile import report_html
from tests.dashboard.looked import HOSTILE
from tests.dashboard.reader import Reader


def test_capacity_has_every_owner_and_who_has_no_role() -> None:
    carried = {"value": 21, "status": "over", "min": 15, "max": 20}
    owner: dict[str, Any] = {"owner": "p1", "name": HOSTILE, "email": None, "active": True, "role": "csm",
                             "label": "CSM", "segment": "enterprise", "status": "over", "others": 1,
                             "accounts": carried,
                             "arr": carried | {"value": 4_000_000, "status": "within", "unknown": 0}}  # fmt: skip
    nobody = (
        owner | dict.fromkeys(("role", "label", "segment", "status", "accounts", "arr")) | {"owner": "p2", "name": None}
    )
    counts = {"over": 1, "within": 0, "under": 0, "unknown": 0}
    made = capacity_document({"as_of": "2026-11-20", "framework": "f", "currency": "EUR", "counts": counts,
                              "owners": [owner, nobody], "nobody": 3})  # fmt: skip
    figures = {one.id: one for one in made.sections[0].figures}
    assert (figures["over"].numerator, figures["over"].denominator, figures["nobody"].value) == (1, 1, 3)
    rows = table_csv(made, "owners").splitlines()
    assert rows[0] == "owner,name,label,status,accounts,accounts_norm,arr,arr_norm,others"
    assert rows[2] == "p2,p2,,,,,,,1"
    assert "15 to 20" in Reader(report_html(made)).text


def test_a_suggestion_says_of_how_many_it_was_made() -> None:
    account = {"account_id": "a", "account": HOSTILE, "arr": None, "segment": "standard", "marked": False}
    made = strategic_document({"as_of": "2026-11-20", "framework": "f", "currency": None, "share": 0.2, "active": 4,
                               "unknown": 1, "candidates": [account], "marked_besides": []})  # fmt: skip
    figures = {one.id: one for one in made.sections[0].figures}
    assert (figures["share"].numerator, figures["share"].denominator, figures["unknown"].n) == (1, 4, 4)
    text = Reader(report_html(made)).text
    assert "<img src=x onerror=alert(1)>" in text
    assert "A suggestion" in text


def test_kpis_count_all_accounts_and_keep_what_they_are_made_of() -> None:
    one = {"id": "nrr", "name": "nrr", "label": "NRR", "unit": "share", "money": True, "value": 0.9, "status": "missed",
           "target": {"op": ">=", "value": 1.2}, "reason": None, "numerator": 90_000, "denominator": 100_000, "n": 3,
           "excluded_n": 1, "period": {"length": "12mo", "from": "2025-11-21", "to": "2026-11-20"}, "where": None,
           "made_of": "now ÷ then", "also": {}}  # fmt: skip
    made = kpis_document({"as_of": "2026-11-20", "framework": "f", "title": "F", "accounts": 7, "currency": "EUR",
                          "without_rate": {}, "arr_differs": 0, "counts": {"met": 0, "missed": 1}, "kpis": [one],
                          "listed": None})  # fmt: skip
    (figure,) = made.sections[0].figures
    assert figure.made_of == "now ÷ then, 2025-11-21 to 2026-11-20"
    text = " ".join(Reader(report_html(made)).text.split())
    assert "7 accounts." in text
    assert "90,000 EUR ÷ 100,000 EUR" in text
    assert "target ≥ 120 %, missed" in text
