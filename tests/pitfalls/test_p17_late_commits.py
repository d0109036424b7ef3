"""P-17: rows committed late carry an older stamp. Each increment reads the last ten minutes again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.contract.salesforce_org import org, pull, records


def test_p17_a_row_that_was_committed_late_is_caught_by_the_overlap() -> None:
    now = [datetime.now(UTC).replace(microsecond=0)]
    with org(clock=lambda: now[0]) as one:
        connector = one.connector()
        record_id = min(one.live("Account"))
        edit = {"object": "Account", "id": record_id, "properties": {"Industry": "Late"}, "commit_after_seconds": 240}
        one.post("edit", edit)
        now[0] += timedelta(minutes=3)
        one.clock.skipped = timedelta(minutes=3)
        first = pull(connector, since=now[0] - timedelta(hours=1))
        assert "Late" not in {record.properties["Industry"] for record in records(first).values()}
        now[0] += timedelta(minutes=2)
        one.clock.skipped = timedelta(minutes=5)
        found = records(pull(connector, since=first[-1].high_water))
        assert found[record_id].properties["Industry"] == "Late"


def test_p17_the_overlap_is_ten_minutes_unless_somebody_says_otherwise() -> None:
    with org() as one:
        for settings, minutes in (({}, 10), ({"overlap_minutes": 30}, 30)):
            mark = pull(one.connector(pull=settings))[-1].high_water
            assert mark is not None
            assert abs((mark + timedelta(minutes=minutes) - datetime.now(UTC)).total_seconds()) < 60
