"""Who changed a value last, asked of the portal: beyond what every connector must do."""

from __future__ import annotations

import requests

from connectors.base import Change
from mapping.records import Ref
from sandbox.hubspot.auth import PRIVATE_TOKEN, Token
from tests.contract.hubspot_kit import portal

OTHER = Token("pat-na1-other", "some other tool")


def test_another_integration_of_the_portal_is_not_us() -> None:
    with portal(accounts=10, tokens=(Token(PRIVATE_TOKEN, "keepwell"), OTHER)) as box:
        connector = box.connect()
        ours, theirs = (Ref("hubspot", "companies", one) for one in box.live()[:2])
        connector.write([Change(one, {"numberofemployees": "91"}) for one in (ours, theirs)])
        answer = requests.patch(
            f"{box.served.hubspot_url}/crm/v3/objects/companies/{theirs.id}",
            json={"properties": {"numberofemployees": "92"}},
            headers={"Authorization": f"Bearer {OTHER.value}"},
            timeout=60,
        )
        assert answer.status_code == 200
        told = {one.ref: one for one in connector.last_changes([ours, theirs], ["numberofemployees"])}
        assert (told[ours].by, told[ours].who) == ("ours", str(Token(PRIVATE_TOKEN, "keepwell").app_id))
        assert (told[theirs].by, told[theirs].kind, told[theirs].who) == ("somebody", "integration", str(OTHER.app_id))


def test_a_private_app_learns_its_own_number_under_every_version() -> None:
    with portal(accounts=4) as box:
        ref = Ref("hubspot", "companies", box.live()[0])
        for version in ("v3", "2026-03", "2026-09"):
            for credentials in ({}, {"oauth": box.oauth()}):
                connector = box.connect(api_version=version, **credentials)
                connector.write([Change(ref, {"numberofemployees": "91"})])
                assert connector.last_changes([ref], ["numberofemployees"])[0].by == "ours"
