"""How many records are read back is known when the plan is made, whatever the plan holds."""

from __future__ import annotations

from datetime import date
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.proof import Forecast, Sample

DAY = date(2026, 11, 20)
PROVEN = frozenset({"cs_health_score", "cs_health_band"})
NAMES = st.sets(st.sampled_from(["cs_health_score", "cs_health_band", "cs_new"]), min_size=1)
WRITTEN = st.dictionaries(st.integers(1, 10**12).map(str), NAMES)


@given(WRITTEN, st.randoms(use_true_random=False))
def test_the_forecast_is_what_the_sample_takes(written: dict[str, set[str]], order: object) -> None:
    planned = list(written)
    order.shuffle(planned)  # type: ignore[attr-defined]
    forecast, sample = Forecast(DAY, PROVEN), Sample(DAY)
    for one in planned:
        forecast.add(one, written[one])
    taken = [one for one in sorted(written) if sample.takes(one, written[one], PROVEN)]
    assert forecast.records == len(taken)
    assert {one for one, names in written.items() if "cs_new" in names} <= set(taken)
    assert bool(taken) == bool(written)


@pytest.mark.parametrize("records", [1, 99, 100, 101, 1_000, 10_000])
def test_a_sample_is_a_twentieth_and_costs_a_call_for_each_full_read(records: int) -> None:
    sample = Sample(DAY)
    taken = sum(1 for one in range(records) if sample.takes(f"{one:05}", PROVEN, PROVEN))
    assert 1 <= taken <= max(12, records * 0.06)
    assert ceil(taken / 100) <= max(1, ceil(records * 0.06 / 100))
