"""Only what the field map and the framework use is read and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from store.tables import raw_record
from sync.engine import run_pull
from tests.flow.one_crm import Vendor, one_crm

OF_THE_VENDORS = {
    "hs_object_id", "hs_lastmodifieddate", "lastmodifieddate", "hs_merged_object_ids", "createdate", "hs_createdate",
    "Id", "SystemModstamp", "CreatedDate", "IsDeleted", "MasterRecordId",
}  # fmt: skip
"""By which records are told apart and changes are found."""
DAY_OF_A_STAGE = "hs_v2_date_entered_"
"""How HubSpot tells on which day a deal was won."""


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
def test_no_property_is_kept_that_nothing_uses(tmp_path: Path, vendor: Vendor) -> None:
    with one_crm(tmp_path, vendor) as made, made.deps() as deps:
        assert run_pull(deps).status == "complete"
        (name,) = deps.connectors
        provisioner = deps.connectors[name].fields()
        owned = {provisioner.property_name(spec) for spec in deps.specs}
        mapped = {stream.name: set(stream.properties) for stream in deps.field_maps[name]}
        with deps.store.read() as c:
            rows = c.execute(select(raw_record.c.stream, raw_record.c.payload)).all()
    assert {stream for stream, _ in rows} >= {next(iter(mapped))}
    beyond = {
        (stream, key)
        for stream, payload in rows
        if stream in mapped
        for key in payload
        if key not in mapped[stream] | owned | OF_THE_VENDORS and not key.startswith(DAY_OF_A_STAGE)
    }
    assert beyond == set()
