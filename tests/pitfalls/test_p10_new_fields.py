"""P-10: new custom fields are ignored until a restart. Definitions are compared in each run, and the report tells."""

from __future__ import annotations

from pathlib import Path

from sandbox.hubspot.schema import Property
from tests.pitfalls.kit import crm


def test_p10_hubspot_a_new_and_a_removed_property_are_told_by_the_next_run(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        assert one.pull().notes == []
        properties = one.made.crm.hubspot.portal.schemas["companies"].properties
        properties["nps_2027"] = Property("nps_2027", "NPS", "number", "number", "")
        one.pass_by(hours=1)
        report = one.pull()
        assert any("new property nps_2027" in note for note in report.notes), report.notes
        del properties["nps_2027"]
        one.pass_by(hours=1)
        assert any("property nps_2027 is gone" in note for note in one.pull().notes)
        one.pass_by(hours=1)
        assert one.pull().notes == [], "what was told once is no news"


def test_p10_salesforce_a_field_that_becomes_visible_is_told_and_read(tmp_path: Path) -> None:
    with crm(tmp_path, "salesforce") as one:
        assert one.made.crm.salesforce is not None
        org = one.made.crm.salesforce.org
        one.person("hide", object="Account", field="ARR__c")
        first = one.pull()
        assert "arr" in first.pull["salesforce"]["accounts"].note
        assert {row["arr"] for row in one.entities("account").values()} == {None}
        org.access._restricted.discard(("Account", "ARR__c"))
        one.pass_by(hours=1)
        report = one.pull()
        assert any("ARR__c" in note for note in report.notes), report.notes
        assert any(row["arr"] for row in one.entities("account").values()), "all rows were read again for it"


def test_p10_hubspot_a_mapped_property_that_appears_is_read_for_all_records(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        properties = one.made.crm.hubspot.portal.schemas["companies"].properties
        arr = properties.pop("annual_recurring_revenue")
        one.pull()
        assert {row["arr"] for row in one.entities("account").values()} == {None}
        properties["annual_recurring_revenue"] = arr
        one.pass_by(hours=1)
        report = one.pull()
        assert report.pull["hubspot"]["companies"].mode == "full"
        assert any(row["arr"] for row in one.entities("account").values())
