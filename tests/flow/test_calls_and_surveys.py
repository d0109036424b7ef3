"""Calls and survey answers go from HubSpot into the unified model, with the accounts and contacts they belong to."""

from __future__ import annotations

from pathlib import Path

from store import frames
from sync.engine import run_pull
from tests.flow.rig import rig


def test_calls_and_surveys_know_their_account_and_their_contact(tmp_path: Path):
    with rig(tmp_path, accounts=40, provision=False) as made:
        company = str(min(made.crm.hubspot.portal.stores["companies"].live))
        values = {"hs_call_title": "Check-in", "hs_call_status": "NO_ANSWER", "hs_call_direction": "OUTBOUND",
                  "hs_call_duration": "61500", "hs_timestamp": "2026-11-19T10:00:00Z"}  # fmt: skip
        call = made.person("create", object="calls", properties=values)["id"]
        made.person("associate", object="calls", id=call, to_object="companies", to=company)
        report = made.run(run_pull)
        with made.deps() as deps, deps.store.read() as c:
            calls, surveys = (frames.frame(c, deps.workspace, name) for name in ("call", "survey"))
        shown = calls.select("account_ref", "title", "outcome", "direction", "duration").rows()
        assert shown == [(company, "Check-in", "no_answer", "outbound", 61.5)]
        assert surveys.height == len(made.crm.hubspot.portal.stores["feedback_submissions"].live) > 0
        assert surveys["contact_ref"].null_count() == surveys["account_ref"].null_count() == 0
        assert set(surveys["type"]) <= {"nps", "csat"}
        assert (surveys["score"] <= surveys["scale_max"]).all()
        assert report.pull["hubspot"]["feedback_submissions>contacts"].inserted == surveys.height
