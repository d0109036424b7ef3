"""Figures that no CRM has: read exactly, shown as they were written, refused where they make no sense."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.describe import effective
from config.errors import ConfigFileError
from config.load import load_settings
from config.rates import load_rates
from config.starter import HubSpotStart, Starter
from dashboard.demo import RATES

from .conftest import MINIMAL, Load

FIGURES = "figures: {cs_spend: 1200000.10, gross_margin: 80%, advocates: 3}\n"


def test_figures_are_read_exactly_and_shown_as_written(load: Load) -> None:
    settings = load(MINIMAL + FIGURES, KEEPWELL_FIGURES__SALES_SPEND="900000")
    figures = settings.figures
    assert (figures.cs_spend, figures.sales_spend) == (Decimal("1200000.10"), Decimal(900000))
    shown = {entry.key: entry.value for entry in effective(settings)}
    assert shown["figures.gross_margin"] == "80%"
    assert shown["figures.case_studies"] is None


@pytest.mark.parametrize(
    ("figures", "key"),
    [
        ("{cs_spend: -1}", "figures.cs_spend"),
        ("{gross_margin: most}", "figures.gross_margin"),
        ("{spend: 1}", "figures.spend"),
    ],
)
def test_figures_that_make_no_sense_are_refused(load: Load, figures: str, key: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load(f"{MINIMAL}figures: {figures}\n")
    (problem,) = caught.value.problems
    assert problem.key.startswith(key)
    assert problem.line == 5


def test_the_demo_has_rates_for_the_currencies_of_its_portfolio(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    path.write_text(Starter(HubSpotStart(), rates=RATES).text())
    rates = load_rates(load_settings(path, {"HUBSPOT_ACCESS_TOKEN": "t"}))
    assert rates is not None
    assert rates.currency == "EUR"
    assert rates.of(date(2026, 1, 1)) == {"USD": Decimal("0.92"), "GBP": Decimal("1.17"), "DKK": Decimal("0.134")}
    assert rates.of(date(1999, 12, 31)) == {}
