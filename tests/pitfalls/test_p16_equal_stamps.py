"""P-16: rows with equal SystemModstamp are lost at page edges. The place is (SystemModstamp, Id)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.contract.salesforce_org import live_ids, org, pull, records


def test_p16_rows_that_share_a_second_are_neither_lost_nor_read_for_ever() -> None:
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    with org(batch_size=7, clock=lambda: moment) as one:
        before = moment - timedelta(seconds=1)
        ids = one.live("Account")
        for record_id in ids:
            one.post("edit", {"object": "Account", "id": record_id, "properties": {"Industry": "Flood"}})
        connector = one.connector()
        pages = pull(connector, since=before)
        assert live_ids(pages) >= ids
        for number, page in enumerate(pages[:-1], 1):
            rest = pull(connector, since=before, position=page.position)
            assert set(records(pages[:number])) | set(records(rest)) >= ids
