"""P-24: a pipeline edit bumps every deal, and re-reading them all meets the limit again and again, from the start.

The place is kept page by page, and rows whose values are the same cost no write.
"""

from __future__ import annotations

from pathlib import Path

from tests.pitfalls.kit import crm


def test_p24_a_read_of_all_deals_goes_on_where_the_limit_stopped_it(tmp_path: Path) -> None:
    # A day passes here, and then a full read would be due.
    with crm(tmp_path, "hubspot", pull={"full_every_hours": 0}) as one:
        one.person("create", object="deals", properties={"dealname": "Many"}, count=900)
        one.pass_by(hours=1)
        one.assert_whole(one.pull())
        deals = len(one.truth()["deals"])
        one.pass_by(hours=1)
        one.person("flood", object="deals")
        read: list[int] = []
        for _ in range(4):
            one.pass_by(hours=1)
            one.fault("daily", method="POST", path="*/deals/search", nth=3, times=0)
            report = one.pull()
            read.append(report.pull["hubspot"]["deals"].read)
            one.heal()
            if report.status == "complete":
                break
            one.a_day_passes()
        assert len(read) > 1, "the limit has to strike in the middle"
        assert report.status == "complete", f"never done: {read}"
        assert sum(read) <= deals + 200 * len(read), f"from the start again each time: {read}"


def test_p24_rows_whose_values_are_the_same_cost_no_write(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        one.made.provision()
        assert one.made.sync(clock=one.clock, sleep=one.clock.sleep).status == "complete"
        before = len(one.made.journal())
        one.pass_by(hours=1)
        one.person("flood", object="deals")
        one.pass_by(hours=1)
        report = one.made.sync(clock=one.clock, sleep=one.clock.sleep)
        assert report.status == "complete", report.reason
        assert report.pull["hubspot"]["deals"].read >= len(one.truth()["deals"])
        assert report.buckets().planned == 0
        assert len(one.made.journal()) == before
