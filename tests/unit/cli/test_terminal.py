"""What reaches a terminal: readable, complete, and unable to act on it."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dashboard.conflicts import show_values
from dashboard.terminal import show_accounts, show_changes, show_planned, show_report
from dashboard.text import inert
from sync.report import AccountLine, Buckets, ConnectionPlan, PlanSummary, RunReport

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066\r\nRobert [bold]'); <b>=cmd|x\x9b31m\u200b\ufeff"


def screen(show, *arguments: object) -> str:  # type: ignore[no-untyped-def]
    out = Console(file=io.StringIO(), width=160, markup=False, emoji=False, highlight=False, force_terminal=False)
    show(out, *arguments)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@given(st.text())
def test_inert_text_is_one_printable_line(text: str) -> None:
    shown = inert(text)
    assert not set(shown) & {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u202a\u202e\u2066\u2028\u200f"}
    shown.encode("utf-8")


def test_ordinary_names_are_untouched() -> None:
    for name in ("Łódź & Søn 株式会社", "شركة", "O'Brien [Ltd]", "नमस्ते", "👩\u200d💻"):
        assert inert(name) == name
    assert inert("abcdefgh", 5) == "abcd…"


def report() -> RunReport:
    made = RunReport("r1", "sync", "2026-11-22", "2026-11-22T10:00:00Z", framework="cradle_to_grave")
    made.accounts, made.bands["red"] = 1, 1
    made.stream("hubspot", "companies").read = 7
    made.plan = PlanSummary("p1", {"hubspot": ConnectionPlan(1, 2, 1, 3)})
    made.apply["hubspot"] = Buckets(planned=2, confirmed=2)
    made.top = [AccountLine("a1", HOSTILE, "strategic", "adoption", 12.3, "red", "at_risk", HOSTILE)]
    return made


@pytest.mark.parametrize("show", [show_report])
def test_a_report_has_its_numbers(show) -> None:  # type: ignore[no-untyped-def]
    text = screen(show, report().to_dict())
    assert "Run r1: complete, as of 2026-11-22" in text
    assert "1 account: 0 green · 0 yellow · 1 red · 0 unknown" in text
    assert "companies" in text


def test_bands_stand_in_their_order_in_a_report_from_the_store_too() -> None:
    data = report().to_dict()
    bands = dict(sorted(data["evaluate"]["bands"].items())) | {"ours": 2}
    text = screen(show_report, data | {"evaluate": data["evaluate"] | {"bands": bands}})
    assert "0 green · 0 yellow · 1 red · 0 unknown · 2 ours" in text


def test_hostile_names_do_nothing() -> None:
    change = {
        "connection": "hubspot", "record_id": "1", "account": HOSTILE, "property": "cs_x", "before": HOSTILE,
        "after": HOSTILE, "because": HOSTILE, "kind": "update",
    }  # fmt: skip
    held = {
        "connection": "hubspot", "record_id": "1", "account": HOSTILE, "property": "cs_x", "seen": HOSTILE,
        "last_written": "a", "want": HOSTILE, "reason": HOSTILE, "reason_code": "human_edit", "state": "open",
        "told": {"by": "somebody", "of": "property", "kind": HOSTILE, "who": HOSTILE, "at": None, "name": HOSTILE},
    }  # fmt: skip
    data = report().to_dict()
    text = screen(show_accounts, data["top"]) + screen(show_changes, [change]) + screen(show_values, [held])
    data["plan"] |= {"shown": [change], "hidden_records": 2}  # type: ignore[operator]
    text += screen(show_planned, data)
    assert not (set(text) - {"\n"}) & (set(HOSTILE) - set(inert(HOSTILE)))
    assert "[bold]" in text


def test_a_task_that_is_made_is_told_as_one() -> None:
    row = {"connection": "h", "record_id": "kw-1", "account": "Blue", "property": "hs_task_subject", "before": None,
           "after": "Red: Blue", "because": "alert 7: health is red", "kind": "create"}  # fmt: skip
    assert "h new task kw-1 for Blue" in screen(show_changes, [row])


def test_an_entry_on_a_timeline_is_no_task() -> None:
    row = {"connection": "g", "record_id": "kw-1", "account": "Blue", "field": "entry_subject", "property": "Subject",
           "before": None, "after": "Health fell", "because": "health fell", "kind": "create"}  # fmt: skip
    assert "g new entry kw-1 for Blue" in screen(show_changes, [row])


def test_one_reason_is_said_once() -> None:
    rows = [
        {"connection": "h", "record_id": "1", "account": "A", "property": name, "before": None, "after": "x",
         "because": "the same reason", "kind": "update"}
        for name in ("cs_a", "cs_b")
    ]  # fmt: skip
    text = screen(show_changes, rows)
    assert text.count("the same reason") == 1
    assert "– → x" in text
