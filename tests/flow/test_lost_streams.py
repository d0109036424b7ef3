"""A stream that a CRM does not give any more, although it did: what was read before still counts, and nobody is told
that all is well."""

from __future__ import annotations

from pathlib import Path

from tests.flow.rig import Rig, rig


def forbid_meetings(made: Rig) -> None:
    for method in ("GET", "POST"):
        made.fault(kind="forbidden", method=method, path="/crm/v3/objects/meetings*", times=0)


def test_a_scope_that_is_taken_away_makes_every_run_partial_until_it_is_back(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        before = made.first.pull["hubspot"]["meetings"].live
        assert before > 0
        forbid_meetings(made)
        for _ in range(2):
            report = made.sync()
            assert (report.status, report.exit_code, report.reason_code) == ("partial", 3, "values_left")
            assert report.lost_streams == ["hubspot meetings"]
            assert "hubspot meetings" in str(report.reason)
            assert report.pull["hubspot"]["meetings"].live == before, "what is in the store is still computed from"
        made.heal()
        assert made.sync().status == "complete"


def test_a_scope_that_was_never_there_is_no_loss(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        forbid_meetings(made)
        report = made.sync()
        assert (report.status, report.lost_streams) == ("complete", [])
        assert report.pull["hubspot"]["meetings"].note.startswith("not connected")
