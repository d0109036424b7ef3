"""What an admin changes between a description and a write."""

from __future__ import annotations

import json

import requests
import responses

from connectors.base import Change
from mapping.records import Ref
from tests.unit.connectors.gainsight_kit import (
    COMPANY_FIELDS,
    COMPANY_URL,
    Body,
    company_id,
    connector,
    describe_url,
    envelope,
    let_describe,
    picklist,
    refusal,
)

STATUS = "CS_Renewal_Status__gc"


@responses.activate
def test_a_picklist_that_was_renamed_meanwhile_costs_a_single_change_a_description_and_no_failure() -> None:
    tenant = responses.mock
    let_describe(tenant)
    one = connector()
    one.fields().plan([])
    sent: list[Body] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        (record,) = json.loads(request.body or b"{}")["records"]
        sent.append(record)
        if record[STATUS] == "On track":
            return 400, {}, json.dumps(refusal("GSOBJ_1002", "Invalid picklist value"))
        return 200, {}, json.dumps(envelope({"count": 1, "errors": None, "records": [record]}))

    tenant.add_callback("PUT", f"{COMPANY_URL}?keys=Gsid", callback=answer, content_type="application/json")
    tenant.remove("GET", describe_url("Company"))
    renamed = [each if each["fieldName"] != STATUS else picklist(STATUS, "on-track", "Due") for each in COMPANY_FIELDS]
    let_describe(tenant, fields=renamed)
    (outcome,) = one.write([Change(Ref("gainsight", "Company", company_id(1)), {STATUS: "on_track"})])
    assert outcome.kind == "confirmed"
    assert [each[STATUS] for each in sent] == ["On track", "on-track"]
