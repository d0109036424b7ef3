"""What undoing a run puts back, what it leaves as it is and why, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import show_changes, show_head, show_writes
from dashboard.text import inert, shown_value, so_many

WHY_NOT = {
    "written_again": "a later run wrote it again",
    "changed_since": "somebody changed it since",
    "gone": "its record is not in the CRM any more",
    "no_property": "its property is not in the CRM any more",
    "told": "an entry on a timeline stays: people were told by it; whoever wants it gone deletes it there",
    "in_doubt": "the answer to the last write was lost; run `keepwell sync`, then undo again",
}
SHOWN = 60
"""So many of the values that go back are shown one by one."""
NAMED = 20
"""So many of those that stay."""


def show_undo(out: Console, run_id: str, page: Mapping[str, Any]) -> None:
    """Both lists: the values that go back, and those that stay."""
    shown = page["shown"]
    if shown:
        out.print(Text(f"Undo of run {inert(run_id)}: these values go back."))
        show_changes(out, shown[:SHOWN])
    if page["hidden_records"] or len(shown) > SHOWN:
        out.print(f"… and {max(0, len(shown) - SHOWN)} more values{_beyond(page)}; `--json` lists them.")
    kept = page["conflicts"]
    if kept:
        out.print("These values stay as they are:")
    for row in kept[:NAMED]:
        seen, before = (shown_value(row[key]) for key in ("seen", "want"))
        place = f"{row['connection']} {inert(row['record_id'])} {inert(row['account'], 40)}".rstrip()
        out.print(Text(f"  {place} · {inert(row['property'])}: {seen}, before the run {before}"))
        out.print(Text(f"    {WHY_NOT.get(row['reason'], row['reason'])}", style="dim"))
    if len(kept) > NAMED:
        out.print(f"  … and {len(kept) - NAMED} more.")


def show_undone(out: Console, report: Mapping[str, Any], flags: str = "") -> None:
    """How undoing a run ended, or what it would do; `flags` are those that it was narrowed or allowed by."""
    show_head(out, report)
    undo = report["undo"]
    if undo is None:
        return
    dry_run = report["dry_run"]
    if dry_run:
        show_undo(out, undo["run_id"], report["plan"])
    back = 0 if dry_run else report["apply"]["confirmed"] + report["apply"]["unchanged"]
    _show_outcome(out, undo, back, dry_run=dry_run)
    if dry_run:
        out.print("Nothing was written.")
        if undo["changes"] and report["status"] == "complete":
            out.print(Text(f"To put them back: keepwell undo {inert(undo['run_id'])}{inert(flags)}"))
        return
    show_writes(out, report)
    if back:
        out.print("The next sync leaves these values alone as long as it would only write again what was taken back.")
        out.print(Text(f"To take back the undo itself: keepwell undo {inert(report['run_id'])}"))


def show_undo_run(out: Console, report: Mapping[str, Any]) -> None:
    """The report of a run that undid another one: which one, and what came of it."""
    show_head(out, report)
    looked_only = report["status"] == "complete" and not any(report["apply"].values())
    _show_outcome(out, report["undo"], report["apply"]["confirmed"] + report["apply"]["unchanged"], dry_run=looked_only)
    if looked_only:
        out.print("Nothing was written.")
    show_writes(out, report)


def flags_of(options: Mapping[str, Any]) -> str:
    """The options of an undo as they were typed, to type them again."""
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items() if value not in (None, False)}
    return "".join(f" {name}" if value is True else f" {name} {quote(str(value))}" for name, value in given.items())


def _show_outcome(out: Console, undo: Mapping[str, Any], back: int, *, dry_run: bool) -> None:
    out.print(Text(_sentence(undo, back, dry_run=dry_run)))
    for reason, number in undo["skipped"].items():
        out.print(f"  {so_many(number, 'value')} {'stays' if number == 1 else 'stay'}: {WHY_NOT.get(reason, reason)}")


def _sentence(undo: Mapping[str, Any], back: int, *, dry_run: bool) -> str:
    number, run_id = undo["changes"], inert(undo["run_id"])
    if not number:
        return f"Nothing of run {run_id} is left to undo."
    if dry_run:
        return f"{so_many(number, 'value')} of run {run_id} would go back."
    return f"{back} of {so_many(number, 'value')} of run {run_id} went back."


def _beyond(page: Mapping[str, Any]) -> str:
    return f" and those of {page['hidden_records']} more records" if page["hidden_records"] else ""
