"""Rows only move between buckets: the sum never changes, and the ending is never better than the worst row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.ending import ending_of_rows
from sync.report import BUCKETS, Bucket, Buckets, RunReport

FILED = st.lists(st.sampled_from(BUCKETS), max_size=40)


@given(FILED, st.lists(st.sampled_from(BUCKETS), max_size=10))
def test_moving_keeps_the_sum(filed: list[Bucket], targets: list[Bucket]) -> None:
    buckets = Buckets(planned=len(filed))
    for bucket in filed:
        buckets.count(bucket)
    for target in targets:
        if buckets.in_doubt:
            buckets.move("in_doubt", target)
    assert buckets.settled() == len(filed)
    report = RunReport("r", "sync", "2026-11-22", "")
    report.apply["crm"] = buckets
    report.check_buckets()
    bad = buckets.rejected + buckets.conflict + buckets.pending + buckets.in_doubt
    assert (ending_of_rows(report).exit_code == 0) == (bad == 0)
