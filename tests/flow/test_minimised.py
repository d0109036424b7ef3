"""Only what the field map and the framework use is read and kept."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from store.tables import raw_record
from sync.engine import run_pull
from tests.flow.one_crm import Vendor, one_crm
from tests.flow.rig import Rig, rig

OF_THE_VENDORS = {
    "hs_object_id", "hs_lastmodifieddate", "lastmodifieddate", "hs_merged_object_ids", "createdate", "hs_createdate",
    "Id", "SystemModstamp", "CreatedDate", "IsDeleted", "MasterRecordId",
}  # fmt: skip
"""By which records are told apart and changes are found."""
DAY_OF_A_STAGE = "hs_v2_date_entered_"
"""How HubSpot tells on which day a deal was won."""


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce", "gainsight"])
def test_no_property_is_kept_that_nothing_uses(tmp_path: Path, vendor: str) -> None:
    with connected(tmp_path, vendor) as made, made.deps() as deps:
        assert run_pull(deps).status == "complete"
        provisioner = deps.connectors[vendor].fields()
        owned = {provisioner.property_name(spec) for spec in deps.specs}
        mapped = {stream.name: set(stream.properties) for stream in deps.field_maps[vendor]}
        with deps.store.read() as c:
            here = raw_record.c.connection == vendor
            rows = c.execute(select(raw_record.c.stream, raw_record.c.payload).where(here)).all()
    assert {stream for stream, _ in rows} >= {next(iter(mapped))}
    beyond = {
        (stream, key)
        for stream, payload in rows
        if stream in mapped
        for key in payload
        if key not in mapped[stream] | owned | OF_THE_VENDORS and not key.startswith(DAY_OF_A_STAGE)
    }
    assert beyond == set()


def connected(folder: Path, vendor: str) -> AbstractContextManager[Rig]:
    """One CRM by itself; Gainsight, which has no portfolio of its own, beside HubSpot."""
    if vendor == "gainsight":
        return rig(folder, with_gainsight=True)
    return one_crm(folder, cast("Vendor", vendor))
