"""Several currencies in one portfolio: segments go by the reporting currency, on either store alike."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from config.rates import Rate
from dashboard.explanation import show_explanation
from store import identity
from sync.explain import explain_account
from tests.flow.rig import Rig, rig
from tests.unit.cli.test_terminal import screen

QUOTES = {"USD": Decimal("0.92"), "GBP": Decimal("1.1537"), "DKK": None}
"""Euros for one unit; kroner have no rate."""


def in_euros(made: Rig) -> Rig:
    rates = tuple(Rate(currency=code, on="2015-01-01", rate=rate) for code, rate in QUOTES.items() if rate is not None)
    changes = {"framework": "portfolio_management", "currency": "EUR", "rates": rates}
    return Rig(made.crm, made.settings.model_copy(update=changes), made.events)


def test_segments_go_by_the_reporting_currency(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=30, store=either_store, provision=False) as plain:
        made = in_euros(plain)
        made.provision()
        assert made.sync().status == "complete"
        with made.deps() as deps:
            with deps.store.read() as c:
                accounts = sorted({one.account_id for one in identity.links(c, deps.workspace)})
            found = [explain_account(deps, one) for one in accounts]
    seen = {data["explanation"]["revenue"]["account_currency"] for data in found}
    assert seen >= {"EUR", "USD", "DKK"}
    for data in found:
        revenue = data["explanation"]["revenue"]
        segment = next(one["value"] for one in data["values"] if one["field"] == "segment")
        shown = {one["field"]: one["seen"] for one in data["in_crm"]}
        assert shown.get("segment") == segment
        if revenue["arr"] is None:
            assert revenue["source"] != "crm"
            continue
        rate = QUOTES.get(revenue["account_currency"], Decimal(1))
        alerts = {one["id"] for one in data["explanation"]["alerts"]}
        if rate is None:
            assert (revenue["arr_in_force"], revenue["without_rate"]) == (None, "DKK")
            assert "currency_without_rate" in alerts
            assert segment in ("enterprise", "unknown")  # by a person's mark, or not at all
            assert "No rate for DKK on the day" in screen(show_explanation, data)
            continue
        expected = (Decimal(revenue["arr"]) * rate).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert Decimal(revenue["arr_in_force"]) == expected
        assert f"Revenue a year: {revenue['arr_in_force']} EUR (from the CRM" in screen(show_explanation, data)
        if segment == "mid_market":
            assert 50_000 <= expected < 200_000
        assert (expected < 50_000) == (segment == "below_threshold") or segment == "enterprise"
