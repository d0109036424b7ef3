"""Candidates for the strategic segment, on a terminal, as a CSV file and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.kpis import in_unit
from dashboard.terminal import table, words
from dashboard.text import inert
from dashboard.tofile import csv_text
from mapping.reports.document import Column, Document, Section, Table, count, share

Data = Mapping[str, Any]
SHOWN = 50
"""So many accounts of a list are shown."""
_COLUMNS = ("account_id", "account", "arr", "segment", "marked")


def show_strategic(out: Console, page: Data) -> None:
    """The candidates, largest first, then who is marked and not among them."""
    found, besides = page["candidates"], page["marked_besides"]
    out.print(
        Text(
            f"The {len(found)} of {page['active']} active accounts that pay most ({in_unit('share', page['share'])}, "
            f"as of {page['as_of']}).",
            style="bold",
        )
    )
    _show(out, "Candidates", found, page["currency"])
    _show(out, "Marked as strategic, and not among them", besides, page["currency"])
    if page["unknown"]:
        out.print(Text(f"Of {page['unknown']} accounts the revenue is not known; they come last."))
    out.print(Text("This is a suggestion: an account is strategic when a person marks it in the CRM."))


def strategic_csv(page: Data) -> str:
    """One row an account: the candidates first, then those that are marked besides."""
    lists = (("candidate", page["candidates"]), ("marked besides", page["marked_besides"]))
    rows = [(kind, *(one[name] for name in _COLUMNS)) for kind, accounts in lists for one in accounts]
    return csv_text(("list", *_COLUMNS), rows)


def strategic_document(page: Data) -> Document:
    """The same as a document."""
    columns = (Column("account", "Account"), Column("arr", "Revenue a year", "money"),
               Column("segment", "Segment", "word"), Column("marked", "Marked", "word"))  # fmt: skip
    lists = (("candidates", "Candidates"), ("marked_besides", "Marked as strategic, and not among them"))
    tables = tuple(
        Table(name, title, columns, [{**row, "marked": "yes" if row["marked"] else "no"} for row in page[name]],
              len(page[name]))
        for name, title in lists
    )  # fmt: skip
    text = "A suggestion: an account is strategic when a person marks it in the CRM."
    chosen = share("share", "Suggested", len(page["candidates"]), page["active"],
                   made_of="candidates ÷ active accounts", nothing="there are no active accounts")  # fmt: skip
    unknown = count("unknown", "Revenue not known", page["unknown"], of=page["active"], made_of="active accounts")
    return Document(
        report="strategic",
        title="Strategic accounts",
        framework=page["framework"],
        as_of=page["as_of"],
        period={"from": None, "to": page["as_of"]},
        accounts=page["active"],
        currency=page["currency"],
        sections=(Section("strategic", "Who could be strategic", text, figures=(chosen, unknown), tables=tables),),
    )


def _show(out: Console, title: str, accounts: list[Data], currency: str | None) -> None:
    if accounts:
        out.print(table(title, ("account", "revenue a year", "segment", "marked"), _rows(accounts, currency),
                        right=("revenue a year",)))  # fmt: skip
    if len(accounts) > SHOWN:
        out.print(f"… and {len(accounts) - SHOWN} more; `--json` and `--format csv` list them all.")


def _rows(accounts: list[Data], currency: str | None) -> Iterable[tuple[str, ...]]:
    for one in accounts[:SHOWN]:
        name = inert(one["account"] or one["account_id"], 40)
        yield name, in_unit("money", one["arr"], currency), words(one["segment"]), "✓" if one["marked"] else ""
