"""A slice of `make crash`: kills at chosen points and edges on both stores; some scenario passes every named point."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync.faults import POINTS
from tests.rig.edges import Kill
from tests.rig.recovery import BOUND
from tests.rig.server import Ask, asking
from tests.rig.trials import Trial
from tests.services import absent

TRIALS = (
    "hubspot/sqlite/first@900",
    "hubspot/sqlite/changed@apply.sent#1+settle.read_back#1",
    "hubspot/sqlite/late@settle.waited#1",
    "hubspot/sqlite/edited-again@apply.guard_read#1",
    "hubspot/sqlite/undo@apply.claimed#1",
    "hubspot/postgresql/changed@apply.sent#1+140",
    "salesforce/sqlite/rejected@apply.settled#1",
    "salesforce/sqlite/gone-meanwhile@apply.sent#1",
    "salesforce/sqlite/lost-then-edited@apply.claimed#1",
    "salesforce/sqlite/mix:1@180+120",
    "salesforce/postgresql/answer-lost@settle.decided#1",
    "gainsight/sqlite/changed@apply.sent#1+settle.read_back#1",
    "gainsight/sqlite/rejected@apply.settled#1",
    "gainsight/sqlite/gone-meanwhile@apply.sent#1",
    "gainsight/sqlite/edited-again@apply.guard_read#1",
    "gainsight/postgresql/answer-lost@settle.decided#1",
    "gainsight_beside/sqlite/changed@apply.sent#1+settle.read_back#1",
    "gainsight_beside/sqlite/gone-meanwhile@apply.sent#1",
    "gainsight_beside/sqlite/edited-again@apply.guard_read#1",
    "gainsight_beside/sqlite/answer-lost@settle.decided#1",
)


@pytest.fixture(scope="module")
def rig() -> Iterator[Ask]:
    """The rig, in a process of its own."""
    with asking() as ask:
        yield ask


@pytest.mark.parametrize("text", TRIALS)
def test_a_run_that_is_killed_ends_like_an_unbroken_one(rig: Ask, text: str) -> None:
    found = rig(trial=text, idle=text.startswith("salesforce/sqlite"))
    if found.get("absent"):
        absent(f"no PostgreSQL with trust authentication on 127.0.0.1:5432, database test: {found['error']}")
    assert "error" not in found, found["error"]
    assert len(found["places"]) == len(Trial.parse(text).kills), f"killed at {found['places']} only"
    assert found["violations"] == []


def test_every_fault_point_is_hit_and_every_edge_seen(rig: Ask) -> None:
    edges = [edge for name in ("first", "undo", "late") for edge in rig(vendor="hubspot", edges=name)["edges"]]
    assert {edge.removeprefix("fp ") for edge in edges if edge.startswith("fp ")} == set(POINTS)
    for what in ("BEGIN IMMEDIATE", "INSERT INTO intent", "commit", "committed", "send", "sent", "answer"):
        assert what in edges, what
    assert edges.count("commit") == edges.count("committed")


def test_what_was_in_doubt_is_decided_within_lease_and_grace(rig: Ask) -> None:
    found = rig(vendor="hubspot", recovery="apply.sent")
    assert found["doubts"] > 0
    assert found["seconds"] <= BOUND


@pytest.mark.parametrize(
    "text", ["hubspot/sqlite/changed@apply.sent#1+22", "salesforce/postgresql/mix:3@4", "hubspot/sqlite/undo"]
)
def test_a_trial_is_read_as_it_is_written(text: str) -> None:
    assert str(Trial.parse(text)) == text


def test_a_kill_is_a_point_or_an_edge() -> None:
    assert Kill.parse("apply.sent#2") == Kill(2, "apply.sent")
    assert Kill.parse("137") == Kill(137)
    with pytest.raises(ValueError, match="invalid literal"):
        Kill.parse("apply.sent")
