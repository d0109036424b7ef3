"""Reports that take long: a page never waits for them, and each is made once a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Settings
from dashboard.web.reckoned import AGAIN, NotReckoned, Reckoner
from mapping.reports.document import Document
from verbs.reckoning import Reports

LONG = 30.0


def document(name: str) -> Document:
    return Document(name, name, "f", "2026-11-20", {"from": None, "to": "2026-11-20"}, 0)


class Slow:
    """Makes a document when it is let to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.made: list[str] = []

    def __call__(self, name: str) -> Document:
        assert self.go.wait(LONG)
        self.made.append(name)
        return document(name)


def until(state: str, ask: Callable[[], str]) -> None:
    """Ask again until the answer is there; the deadline is that of a broken test."""
    waited = threading.Event()
    for _ in range(3_000):
        if ask() == state:
            return
        waited.wait(0.01)
    raise AssertionError(f"never {state}")


def test_a_quick_one_is_there_at_once_and_made_once() -> None:
    slow = Slow()
    slow.go.set()
    reckoner = Reckoner(slow, patience=LONG)
    assert reckoner.get("kpis", 1).state == "ready"
    assert reckoner.get("kpis", 1).document == document("kpis")
    assert slow.made == ["kpis"]


def test_nobody_waits_for_a_slow_one_and_many_ask_for_one() -> None:
    slow = Slow()
    reckoner = Reckoner(slow, patience=0)
    states = [reckoner.get("kpis", 1).state for _ in range(5)]
    assert states == ["computing"] * 5
    slow.go.set()
    until("ready", lambda: reckoner.get("kpis", 1).state)
    assert slow.made == ["kpis"]


def test_the_one_before_is_shown_while_the_next_is_made() -> None:
    slow = Slow()
    slow.go.set()
    reckoner = Reckoner(slow, patience=LONG)
    reckoner.get("kpis", 1)
    slow.go.clear()
    answer = reckoner.get("kpis", 2)
    assert (answer.state, answer.document) == ("renewing", document("kpis"))
    slow.go.set()
    until("ready", lambda: reckoner.get("kpis", 2).state)
    assert slow.made == ["kpis", "kpis"]


def test_a_failure_is_told_until_another_run_has_ended() -> None:
    asked: list[str] = []

    def refuse(name: str) -> Document:
        asked.append(name)
        if len(asked) == 1:
            raise NotReckoned("no accounts", "type this")
        return document(name)

    reckoner = Reckoner(refuse, patience=LONG)
    assert [reckoner.get("kpis", 1).hint for _ in range(2)] == ["type this", "type this"]
    assert asked == ["kpis"]
    assert reckoner.get("kpis", 2).state == "ready"


def test_what_failed_is_tried_again_without_another_run() -> None:
    failing, clock = [True], [0.0]

    def make(name: str) -> Document:
        if failing[0]:
            raise NotReckoned("the database is down")
        return document(name)

    reckoner = Reckoner(make, patience=LONG, monotonic=lambda: clock[0])
    assert reckoner.get("kpis", 1).state == "failed"
    failing[0] = False
    clock[0] = AGAIN - 1
    assert reckoner.get("kpis", 1).state == "failed"
    clock[0] = AGAIN
    assert reckoner.get("kpis", 1).state == "ready"


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    slow = Slow()
    slow.go.set()
    reckoner = Reckoner(slow, patience=LONG, kept=2)
    for name in ("a", "b", "a", "c"):
        reckoner.get(name, 1)
    reckoner.get("a", 1)
    assert slow.made == ["a", "b", "c"]
    reckoner.get("b", 1)
    assert slow.made == ["a", "b", "c", "b"]


def test_the_server_makes_no_store(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.db"
    crm = {"type": "hubspot", "access_token": "t"}
    settings = Settings.model_validate({"store": f"sqlite:///{path}", "connections": {"crm": crm}})
    with pytest.raises(NotReckoned, match="no store"):
        Reports(settings).make("kpis")
    assert not path.exists()
