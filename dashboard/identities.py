"""Which records are one account: what a person has to decide, and what a decision will change, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import table
from dashboard.text import inert, shown_value

Data = Mapping[str, Any]
KINDS = {
    "duplicate_domain": "Several records share a domain",
    "conflicting_ids": "Ids contradict each other",
    "conflicting_decisions": "Decisions contradict each other",
}
STATES = {
    "counts": "counts",
    "contradicted": "does not count, because it contradicts another one",
    "idle": "idle",
    "taken_back": "taken back",
}
SHOWN = 50
"""So many cases, and records of a decision, are shown one by one; `--json` has all."""


def show_reviews(out: Console, page: Data) -> None:
    """Each open case with its records, why it is one, and what to type; then what was decided."""
    reviews: Sequence[Data] = page["reviews"]
    if not reviews:
        out.print("Nothing to decide: no record is in doubt about its account.")
    for review in reviews[:SHOWN]:
        out.print(Text(f"{review['id']}  {KINDS[review['kind']]}", style="bold"))
        for record in review["records"]:
            out.print(Text(f"  {_place(record)}  {_called(record)}"))
        out.print(Text(f"  {inert(review['reason'])}", style="dim"))
        for way in review["next"]:
            out.print(Text(f"    {way['what']}{': ' if way['command'] else ''}{inert(way['command'])}"), soft_wrap=True)
    if len(reviews) > SHOWN:
        out.print(f"… and {len(reviews) - SHOWN} more; `--json` has all of them.")
    if page["decisions"]:
        rows = [(one["id"], _what(one), _state(one), one["made_at"][:10], one["reason"] or "")
                for one in page["decisions"]]  # fmt: skip
        columns = ("decision", "what", "state", "made on", "reason")
        out.print(table("Decided", columns, rows, wrap=("what", "state", "reason")))
    elif page["decided"]:
        number = page["decided"]
        text = "1 decision counts" if number == 1 else f"{number} decisions count"
        out.print(f"{text}; `--all` shows {'it' if number == 1 else 'them'}.")


def show_decided(out: Console, page: Data) -> None:
    """What was decided just now, what it changes, and what comes next."""
    taken_back = [one for one in page["decisions"] if one["state"] == "taken_back"]
    for one in page["decisions"]:
        out.print(Text(f"{one['id']}  {_what(one)}{' – taken back' if one in taken_back else ''}", style="bold"))
    _show_accounts(out, page)
    _show_values(out, page)
    if page["accounts"]:
        out.print("It counts from the next run on: `keepwell plan` shows it first, `keepwell sync` writes it.")
    if not taken_back:
        ids = " ".join(one["id"] for one in page["decisions"])
        out.print(Text(f"To take it back: keepwell identity forget {ids}"), soft_wrap=True)
    if page["reviews"]:
        out.print(f"Still to decide: {page['reviews']} (`keepwell identity list`).")


def _show_accounts(out: Console, page: Data) -> None:
    if not page["accounts"]:
        out.print("Nothing changes: the records are joined that way already.")
        return
    rows = [
        (one["account_id"], "new" if one["new"] else "keeps its id", ", ".join(map(_place, one["records"])))
        for one in page["accounts"]
    ]
    out.print(table("Accounts", ("account", "", "records"), rows, wrap=("account", "records")))
    for account_id in page["ends"]:
        out.print(Text(f"{inert(account_id)} ends; what was computed of it stays in the store."))


def _show_values(out: Console, page: Data) -> None:
    cells = list(_values(page["records"]))
    if cells:
        columns = ("record", "property", "in the CRM", "will be")
        out.print(table("What the next run writes", columns, cells[:SHOWN], wrap=("in the CRM", "will be")))
    if len(cells) > SHOWN:
        out.print(f"… and {len(cells) - SHOWN} more; `--json` has all of them.")
    for one in page["records"]:
        if not one["writable"]:
            out.print(Text(f"{_place(one)} is not written until its case is decided.", style="yellow"))
        elif not one["computed"]:
            out.print(Text(f"{_place(one)}: the next run evaluates it; `keepwell plan` shows its values."))
        if one["held"]:
            names = ", ".join(held["property"] for held in one["held"])
            out.print(
                Text(f"{_place(one)} keeps what is there in {inert(names)}: see `keepwell conflicts list`"),
                soft_wrap=True,
            )


def _values(records: Sequence[Data]) -> Iterator[tuple[str, str, str, str]]:
    for one in records:
        for index, change in enumerate(one["changes"]):
            after = "(cleared)" if change["after"] is None else inert(change["after"], 60)
            place = _place(one) if index == 0 else ""
            yield place, change["property"], inert(shown_value(change["before"]), 40), after


def _what(decision: Data) -> str:
    places = [_place(record) for record in decision["records"]]
    named = [f"{place} ({name})" if (name := _called(record)) else place
             for place, record in zip(places, decision["records"], strict=True)]  # fmt: skip
    if decision["kind"] == "link":
        return f"{' and '.join(named)} are one account"
    return f"{named[0]} is an account of its own"


def _state(decision: Data) -> str:
    text = STATES[decision["state"]]
    fates = [
        f"{one['connection']} merged {inert(one['id'])} into {inert(one['merged_into'])}"
        if one["merged_into"]
        else f"{one['connection']} {inert(one['id'])} is gone"
        for one in decision["gone"]
    ]
    return ": ".join(part for part in (text, "; ".join(fates)) if part)


def _place(record: Data) -> str:
    return f"{record['connection']}:{inert(record['id'])}"


def _called(record: Data) -> str:
    return ", ".join(inert(one, 40) for one in (record["name"], record["domain"]) if one)
