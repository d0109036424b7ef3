"""What both vendors' fronts have in common: the vendor's time, compression, and clients that give up."""

from __future__ import annotations

import gc
import gzip
import logging
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import requests

from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from sandbox.serve import Portfolio, Running, running

THEN = datetime(2027, 3, 1, 12, tzinfo=UTC)
SMALL = Portfolio(15, seed=3, today=date(2026, 11, 22))


def ask(handle: Running, path: str, **headers: str) -> requests.Response:
    held = {"Authorization": f"Bearer {handle.hubspot_token}", **headers}
    return requests.get(f"{handle.hubspot_url}{path}", headers=held, stream=True, timeout=60)


def test_the_date_header_tells_the_vendors_time_once() -> None:
    hubspot = replace(HubSpotOptions(), clock=THEN.timestamp)
    with running(SMALL, hubspot_options=hubspot, salesforce_options=SalesforceOptions(clock=lambda: THEN)) as handle:
        for answer in (
            ask(handle, "/crm/v3/objects/companies"),
            ask(handle, "/nowhere"),
            requests.get(f"{handle.salesforce_url}/services/data", timeout=60),
            requests.get(f"{handle.salesforce_url}/services/data/v62.0/limits", timeout=60),
        ):
            assert answer.headers["date"] == "Mon, 01 Mar 2027 12:00:00 GMT"


def test_answers_are_compressed_for_clients_that_ask() -> None:
    path = "/crm/v3/objects/companies?limit=10&properties=name,industry,country,phone"
    with running(SMALL, salesforce=False) as handle:
        plain, packed = ask(handle, path, **{"Accept-Encoding": "identity"}), ask(handle, path)
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        raw = packed.raw.read(decode_content=False)
        assert len(raw) == int(packed.headers["content-length"])
        assert gzip.decompress(raw) == plain.content


@pytest.mark.long
def test_a_client_that_gives_up_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    slow = {"faults": [{"kind": "slow", "seconds": 60}]}
    with running(SMALL) as handle:
        for url in (handle.hubspot_url, str(handle.salesforce_url)):
            assert requests.post(f"{url}/_sandbox/faults", json=slow, timeout=60).ok
        with pytest.raises(requests.Timeout):
            requests.get(f"{handle.hubspot_url}/crm/v3/owners", timeout=0.1,
                         headers={"Authorization": f"Bearer {handle.hubspot_token}"})  # fmt: skip
        with pytest.raises(requests.Timeout):
            requests.get(f"{handle.salesforce_url}/services/data", timeout=0.1)
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_a_trailing_slash_is_no_other_address() -> None:
    with running(SMALL, salesforce=False) as handle:
        answer = ask(handle, "/crm/v3/owners/")
        assert (answer.status_code, answer.history) == (200, [])
