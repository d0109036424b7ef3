"""P-9: formula and roll-up values go stale: their changes move no stamp. They are read anew on their own cadence."""

from __future__ import annotations

from pathlib import Path

from tests.pitfalls.kit import crm


def test_p09_salesforce_a_field_that_changes_silently_is_read_on_its_own_cadence(tmp_path: Path) -> None:
    pull = {"volatile_fields": ["Account.Industry"], "formula_every_hours": 12}
    with crm(tmp_path, "salesforce", pull=pull) as one:
        one.pull()
        record = one.account(2)
        one.person("edit", object="Account", id=record, properties={"Industry": "Silence"}, silent=True)
        one.pass_by(hours=1)
        one.pull()
        assert one.entities("account")[record]["industry"] != "Silence"
        one.pass_by(hours=12)
        report = one.pull()
        assert report.pull["salesforce"]["accounts"].mode == "full"
        assert report.pull["salesforce"]["cases"].mode == "increment", "objects without such fields wait for their turn"
        assert one.entities("account")[record]["industry"] == "Silence"


def test_p09_hubspot_a_value_that_was_calculated_anew_is_read_on_the_cadence(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        one.pull()
        record = one.account(2)
        one.person("recalculate", object="companies", id=record, properties={"industry": "SILENCE"})
        one.pass_by(hours=25)
        one.pull()
        assert one.entities("account")[record]["industry"] == "SILENCE"
