"""What every owner carries, on a terminal and as a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.kpis import in_unit
from dashboard.terminal import styled, table
from dashboard.text import inert
from mapping.reports.document import Column, Document, Section, Table, count, share

Data = Mapping[str, Any]
STYLES = {"within": "green", "over": "bold red", "under": "yellow", "unknown": "dim"}
COLUMNS = ("owner", "role", "", "accounts", "norm", "ARR", "norm of ARR", "other accounts")


def show_capacity(out: Console, page: Data) -> None:
    """Who carries too much, who too little, who is within the norm, and what nobody looks after."""
    counts = page["counts"]
    unknown = f", of {counts['unknown']} it is not known" if counts["unknown"] else ""
    out.print(
        Text(
            f"{counts['over']} carry more than the norm, {counts['under']} less, {counts['within']} are within "
            f"it{unknown} (as of {page['as_of']}).",
            style="bold",
        )
    )
    rows = [_row(one, page["currency"]) for one in page["owners"]]
    out.print(table("", COLUMNS, rows, right=("accounts", "ARR", "other accounts")))
    if page["nobody"]:
        out.print(Text(f"{page['nobody']} active accounts have no owner."))


def _row(one: Data, currency: str | None) -> tuple[object, ...]:
    name = inert(one["name"] or one["email"] or one["owner"], 40) + (" (left)" if one["active"] is False else "")
    if one["role"] is None:
        return name, "no role has its segment", "", "", "", "", "", one["others"]
    accounts, arr = one["accounts"], one["arr"]
    unknown = f" ({arr['unknown']} unknown)" if arr["unknown"] else ""
    return (
        name,
        one["label"],
        styled(one["status"], STYLES),
        styled(f"{accounts['value']}", {str(accounts["value"]): STYLES[accounts["status"]]}),
        norm(accounts["min"], accounts["max"]),
        styled(in_unit("money", arr["value"], currency) + unknown, {}),
        "" if arr["min"] is None else norm(arr["min"], arr["max"], currency),
        one["others"] or "",
    )


def norm(least: float, most: float | None, currency: str | None = None) -> str:
    """`15 to 20`, or `25 or more` where there is only a floor, or `at most 3` where that is zero."""
    if most is None:
        return f"{in_unit('money', least, currency)} or more"
    if not least:
        return f"at most {in_unit('money', most, currency)}"
    return f"{in_unit('money', least)} to {in_unit('money', most, currency)}"


def capacity_document(page: Data) -> Document:
    """The same as a document: how many owners are within the norm, then every owner."""
    counts = page["counts"]
    judged = sum(counts[level] for level in ("over", "within", "under"))
    columns = (
        Column("name", "Owner"), Column("label", "Role"), Column("status", "Verdict", "word"),
        Column("accounts", "Accounts", "count"), Column("accounts_norm", "Norm"), Column("arr", "ARR", "money"),
        Column("arr_norm", "Norm of ARR"), Column("others", "Other accounts", "count"),
    )  # fmt: skip
    rows = [_owner(one, page["currency"]) for one in page["owners"]]
    figures = tuple(
        share(level, label, counts[level], judged, excluded=counts["unknown"], made_of="owners ÷ owners with a verdict",
              nothing="no owner carries accounts of a role")
        for level, label in (("within", "Within the norm"), ("over", "Over it"), ("under", "Under it"))
    )  # fmt: skip
    alone = count("nobody", "Accounts without an owner", page["nobody"], made_of="active accounts that nobody owns")
    table_of = Table("owners", "Owners", columns, rows, len(rows), "No owner carries an account.")
    section = Section("capacity", "What owners carry", figures=(*figures, alone), tables=(table_of,))
    return Document(
        report="capacity",
        title="Capacity",
        framework=page["framework"],
        as_of=page["as_of"],
        period={"from": None, "to": page["as_of"]},
        accounts=sum(one["accounts"]["value"] if one["accounts"] else 0 for one in page["owners"]) + page["nobody"],
        currency=page["currency"],
        sections=(section,),
    )


def _owner(one: Data, currency: str | None) -> dict[str, object]:
    head = {"owner": one["owner"], "name": one["name"] or one["email"] or one["owner"], "label": one["label"],
            "status": one["status"], "others": one["others"]}  # fmt: skip
    accounts, arr = one["accounts"], one["arr"]
    if accounts is None or arr is None:
        return head | dict.fromkeys(("accounts", "accounts_norm", "arr", "arr_norm"))
    return head | {
        "accounts": accounts["value"],
        "accounts_norm": norm(accounts["min"], accounts["max"]),
        "arr": arr["value"],
        "arr_norm": norm(arr["min"], arr["max"], currency),
    }
