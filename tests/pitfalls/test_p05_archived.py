"""P-5: archived records never appear in increments. They are swept, and their accounts are not scored any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.one_crm import Vendor
from tests.pitfalls.kit import ACCOUNTS, VENDORS, crm


@pytest.mark.parametrize("vendor", VENDORS)
def test_p05_an_increment_tells_what_was_archived(tmp_path: Path, vendor: Vendor) -> None:
    with crm(tmp_path, vendor) as one:
        one.assert_whole(one.pull())
        stream, name = ACCOUNTS[one.name]
        gone = one.account(3)
        one.person("archive", object=name, id=gone)
        one.pass_by(hours=1)
        report = one.pull()
        one.assert_whole(report)
        counts = report.pull[one.name][stream]
        assert (counts.mode, counts.deleted) == ("increment", 1)
        assert gone not in one.entities("account")


def test_p05_the_score_of_an_archived_account_stops(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        one.made.provision()
        before = one.plan()
        one.person("archive", object="companies", id=one.account(3))
        one.pass_by(hours=1)
        assert one.plan().accounts == before.accounts - 1
