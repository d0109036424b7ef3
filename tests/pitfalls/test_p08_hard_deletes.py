"""P-8: hard deletes are invisible. A full read on a schedule shows them, and the report says how many rows it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.one_crm import Vendor
from tests.pitfalls.kit import ACCOUNTS, VENDORS, Crm, crm


def purge(one: Crm, record: str) -> None:
    if one.vendor == "hubspot":
        one.person("purge", object="companies", id=record)
    else:
        one.person("delete", object="Account", id=record, hard=True)


@pytest.mark.parametrize("vendor", VENDORS)
def test_p08_what_was_deleted_for_good_is_found_by_the_scheduled_full_read(tmp_path: Path, vendor: Vendor) -> None:
    with crm(tmp_path, vendor) as one:
        one.assert_whole(one.pull())
        gone = one.account(2)
        purge(one, gone)
        one.pass_by(hours=1)
        assert one.pull().pull[one.name][ACCOUNTS[one.name][0]].mode == "increment"
        assert gone in one.entities("account"), "no increment can show it"
        one.pass_by(hours=24 * 7)
        report = one.pull()
        one.assert_whole(report)
        assert gone not in one.entities("account")
        said = f"1 {ACCOUNTS[one.name][0]} that the store holds are not in the CRM any more"
        assert any(said in note for note in report.notes), report.notes
