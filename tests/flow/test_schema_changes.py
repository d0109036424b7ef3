"""P-10: an admin changes definitions between two runs, and the next run's report says what."""

from __future__ import annotations

from pathlib import Path

from sync.engine import run_pull
from tests.flow.rig import rig


def test_definitions_that_changed_are_in_the_report_of_the_next_run(tmp_path: Path):
    with rig(tmp_path, salesforce=True, provision=False) as made:
        assert made.run(run_pull).schema_changes == {}
        before = made.crm.hubspot.stats.requests
        made.provision()  # Keepwell's own properties are no news
        made.person("property", object="companies", name="annual_recurring_revenue", type="string")
        made.person("property", object="companies", name="product_edition", options=["professional", "premium"])
        made.person("property", object="tickets", name="escalation_level", remove=True)
        report = made.run(run_pull)
        assert report.schema_changes == {
            "hubspot": {
                "companies": [
                    "type of annual_recurring_revenue changed number -> string",
                    "options of product_edition gone: enterprise",
                    "new options of product_edition: premium",
                ],
                "tickets": ["property escalation_level is gone"],
            }
        }
        assert any(note.startswith("hubspot: companies: type of annual_recurring") for note in report.notes)
        assert made.crm.hubspot.stats.requests > before
        assert made.run(run_pull).schema_changes == {}


def test_knowing_the_definitions_costs_no_call_of_its_own(tmp_path: Path):
    with rig(tmp_path, salesforce=True) as made:
        made.run(run_pull)
        reads = made.crm.hubspot.stats.by_route
        before = dict(reads)
        made.run(run_pull)
        kinds = ("companies", "deals", "tickets", "meetings", "calls", "feedback_submissions")
        routes = [f"GET /crm/v3/properties/{kind}" for kind in kinds]
        assert [reads[route] - before[route] for route in routes] == [1] * len(kinds)
