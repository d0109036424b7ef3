"""P-25: the source is downloaded anew by each run. An increment reads what changed, and its calls are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.one_crm import Vendor
from tests.pitfalls.kit import ACCOUNTS, VENDORS, crm


@pytest.mark.parametrize("vendor", VENDORS)
def test_p25_a_second_pull_reads_what_changed_and_nothing_else(tmp_path: Path, vendor: Vendor) -> None:
    with crm(tmp_path, vendor, accounts=20) as one:
        one.assert_whole(one.pull())
        one.pass_by(hours=1)
        field = {"hubspot": "phone", "salesforce": "Industry"}[vendor]
        stream, name = ACCOUNTS[vendor]
        one.person("edit", object=name, id=one.account(1), properties={field: "changed"})
        before = one.calls()
        report = one.pull()
        one.assert_whole(report)
        records = {key: counts for key, counts in report.pull[vendor].items() if key in one.truth()}
        assert {counts.mode for counts in records.values()} == {"increment"}
        assert {key: counts.read for key, counts in records.items()} == {**dict.fromkeys(records, 0), stream: 1}
        assert report.api[vendor].requests == one.calls() - before, "the report publishes every call"
        assert report.api[vendor].requests <= 2 * len(report.pull[vendor]) + 6, "two a stream, and what opens a run"
