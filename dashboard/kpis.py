"""KPIs on a terminal, as a table for a spreadsheet, and as a document that becomes a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import styled, table
from dashboard.text import inert
from dashboard.tofile import csv_text
from mapping.reports.document import Column, Document, Kind, Section, Table
from mapping.reports.quarter import kpi_figure

Data = Mapping[str, Any]
STATUS_STYLES = {"met": "green", "missed": "bold red", "no data": "dim"}
WORDS = {"met": "met", "missed": "missed", "no_data": "no data", "reported": ""}
OPERATORS = {">=": "≥", "<=": "≤"}
ALSO = {
    "p90": "nine in ten up to", "within_24h": "within 24 hours", "mean": "mean", "of_gross_new": "of gross new ARR",
    "churn_only": "churn alone", "unknown_share": "without a score", "low_activity": "little activity",
    "with_three": "with three or more", "churn": "ARR churned in the period",
}  # fmt: skip
SHARES = frozenset({"within_24h", "of_gross_new", "churn_only", "unknown_share", "low_activity", "with_three", "churn"})
"""Further figures that are shares whatever the KPI's own unit is."""
PERIODS = {"12mo": "12 months", "quarter": "3 months"}
ACCOUNTS = 25
"""So many accounts behind a KPI are shown."""
COLUMNS = ("KPI", "value", "target", "", "n", "made of")
_UNITS = {"days": " days", "hours": " h"}


def show_kpis(out: Console, page: Data) -> None:
    """How many targets are met, a line a KPI, why some have no value, then the accounts behind one if asked for."""
    counts = page["counts"]
    judged = counts["met"] + counts["missed"]
    met = f"{counts['met']} of {judged} targets met; " if judged else ""
    out.print(Text(f"{inert(page['title'])}: {met}{page['accounts']} accounts, as of {page['as_of']}.", style="bold"))
    known = [one for one in page["kpis"] if one["status"] != "no_data"]
    rows = [(one["label"], shown(one, one["value"], page), target(one, page), _status(one), _n(one), _made(one, page))
            for one in known]  # fmt: skip
    out.print(table("", COLUMNS, rows, right=("value", "n"), wrap=("KPI", "made of")))
    if lacking := [one for one in page["kpis"] if one["status"] == "no_data"]:
        reasons = [(one["label"], target(one, page), one["reason"]) for one in lacking]
        out.print(table("Without data", ("KPI", "target", "because"), reasons, wrap=("because",)))
    for line in notes(page):
        out.print(Text(line))
    if page["listed"] is not None:
        _show_listed(out, page)


def notes(page: Data) -> Iterator[str]:
    """What somebody has to know who reads the numbers."""
    if page["without_rate"]:
        counts = page["without_rate"].items()
        left_out = ", ".join(f"{inert(name)} ({number:,} active accounts)" for name, number in counts)
        yield (
            f"Money is added in {inert(page['currency'])}. Amounts in {left_out} have no rate and count in no KPI of "
            "money: set `currency` and `rates` in the configuration."
        )
    if page["arr_differs"]:
        yield (
            f"Contracts of {page['arr_differs']:,} active accounts tell another revenue than the CRM's `arr`: these "
            "KPIs go by the contracts, rules and segments by the CRM."
        )
    if any(one["excluded_n"] for one in page["kpis"]):
        yield "n is what counts; what belongs there too and is not known stands behind it as `left out`."


def shown(one: Data, value: float | None, page: Data) -> str:
    """A value in the KPI's unit, rounded for reading; compared with the target it was not rounded."""
    return in_unit(one["unit"], value, page["currency"])


def in_unit(unit: str, value: float | None, currency: str | None = None) -> str:
    """A number as people read it: 96.0 %, 1,800,000 EUR, 12.5 days."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:z.1f} %"
    if unit == "money":
        return f"{value:z,.0f} {inert(currency)}".rstrip()
    if unit == "points":
        return f"{value:+z.0f}"
    if unit == "count":
        return f"{value:,.0f}"
    decimals = 1 if unit in _UNITS else 2
    return f"{value:z,.{decimals}f}".rstrip("0").rstrip(".") + _UNITS.get(unit, "")


def target(one: Data, page: Data) -> str:
    """`≥ 96 %`, or nothing."""
    aim = one["target"]
    if aim is None:
        return ""
    value = f"{100 * aim['value']:g} %" if one["unit"] == "share" else shown(one, aim["value"], page).lstrip("+")
    return f"{OPERATORS.get(aim['op'], aim['op'])} {value}"


def kpis_csv(page: Data) -> str:
    """One row a KPI, with unrounded numbers; with listed accounts, one row an account instead."""
    if page["listed"] is not None:
        rows = [
            (page["listed"]["name"], *(account[name] for name in _LISTED)) for account in page["listed"]["accounts"]
        ]
        return csv_text(("kpi", *_LISTED), rows)
    columns = ("name", "label", "unit", "value", "target", "status", "reason", "numerator", "denominator", "n",
               "excluded_n", "from", "to", "made_of")  # fmt: skip
    return csv_text(columns, ([_plain(one, name) for name in columns] for one in page["kpis"]))


_HEADS = ("account", "numerator", "denominator", "left out")
NOBODY = "(of no account)"
_LISTED = ("account_id", "account", "numerator", "denominator", "excluded_n")


def _plain(one: Data, name: str) -> object:
    if name in ("from", "to"):
        return "" if one["period"] is None else one["period"][name]
    if name == "target":
        return "" if one["target"] is None else f"{one['target']['op']} {one['target']['value']}"
    return one[name]


def kpis_document(page: Data) -> Document:
    """The same as a document, with the accounts behind one KPI as a table where they were asked for."""
    met, judged = page["counts"]["met"], page["counts"]["met"] + page["counts"]["missed"]
    text = f"{met} of {judged} targets are met." if judged else "The framework sets no target."
    figures = tuple(kpi_figure(one) for one in page["kpis"])
    sections = [Section("kpis", "Targets", text, figures=figures)]
    if page["listed"] is not None:
        sections.append(_behind(page))
    return Document(
        report="kpis",
        title="KPIs",
        framework=page["title"],
        as_of=page["as_of"],
        period={"from": None, "to": page["as_of"]},
        accounts=page["accounts"],
        whom="accounts",
        currency=page["currency"],
        notes=tuple(notes(page)),
        sections=tuple(sections),
    )


def _behind(page: Data) -> Section:
    one = next(item for item in page["kpis"] if item["name"] == page["listed"]["name"])
    kind: Kind = "money" if one["money"] else "number"
    columns = (Column("account", "Account"), Column("numerator", "Numerator", kind),
               Column("denominator", "Denominator", kind), Column("excluded_n", "Left out", "count"))  # fmt: skip
    rows = page["listed"]["accounts"]
    listed = Table("accounts", "Accounts", columns, rows, len(rows), "No account counts in it.")
    return Section("accounts", f"Accounts behind {one['label']}", one["made_of"], tables=(listed,))


def _show_listed(out: Console, page: Data) -> None:
    one = next(item for item in page["kpis"] if item["name"] == page["listed"]["name"])
    accounts: Sequence[Data] = page["listed"]["accounts"]
    rows = [_account(one, account, page) for account in accounts[:ACCOUNTS]]
    out.print(table(f"Accounts behind {inert(one['label'])}", _HEADS, rows, right=_HEADS[1:]))
    if len(accounts) > ACCOUNTS:
        out.print(f"… and {len(accounts) - ACCOUNTS} more; `--json` and `--format csv` list them all.")


def _account(one: Data, account: Data, page: Data) -> tuple[str, str, str, str]:
    unit = "money" if one["money"] else "number"
    parts = (in_unit(unit, account[name], page["currency"]) for name in ("numerator", "denominator"))
    name = inert(account["account"] or account["account_id"] or NOBODY, 40)
    return name, *parts, str(account["excluded_n"] or "")  # type: ignore[return-value]


def _status(one: Data) -> Text:
    return styled(WORDS[one["status"]], STATUS_STYLES)


def _n(one: Data) -> str:
    return f"{one['n']:,}" + (f" ({one['excluded_n']:,} left out)" if one["excluded_n"] else "")


def _made(one: Data, page: Data) -> str:
    """What it is made of, over which time, and the further figures."""
    unit = one["unit"]
    also = [f"{ALSO[name]} {in_unit('share' if name in SHARES else unit, value, page['currency'])}"
            for name, value in one["also"].items() if value is not None]  # fmt: skip
    period = "" if one["period"] is None else f", {PERIODS[one['period']['length']]}"
    return "; ".join([one["made_of"] + period, *also])
