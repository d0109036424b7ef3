"""What an evaluation accepts: a moment with a zone, frames with gaps, no account twice."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from mapping.engine import evaluate
from mapping.frames import AsOf, Frames
from mapping.schema import account_schema, child_schema, conform
from tests.unit.mapping.portfolio import Portfolio, f4, noon

AT = AsOf(noon("2025-11-10"))


def test_moment_needs_an_offset_and_a_real_zone() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        AsOf(datetime(2025, 1, 1))  # noqa: DTZ001 (that is the fault)
    for zone in ("Atlantis/Capital", "", "../etc"):
        with pytest.raises(ValueError, match="there is no time zone"):
            AsOf(noon("2025-01-01"), zone)


def test_date_is_that_of_the_zone() -> None:
    late = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert (AsOf(late).date, AsOf(late, "Asia/Tokyo").date) == (date(2025, 12, 31), date(2026, 1, 1))


def test_account_may_be_there_once_only() -> None:
    with pytest.raises(ValueError, match="once only"):
        evaluate(Portfolio().account("a").account("a").frames(), f4(), AT)


def test_absent_columns_count_as_null_and_strangers_are_left_out() -> None:
    deals = pl.DataFrame(
        {"account_id": ["a", "z"], "connection": ["c", "c"], "id": ["1", "2"], "state": ["won", "won"]}
    )
    found = evaluate(Frames(pl.DataFrame({"account_id": ["a"]}), deals=deals), f4(), AT)
    assert found.frame.select("account_id", "lifecycle_stage", "health_band").rows() == [("a", "pre_sale", "unknown")]


def test_conform_casts_and_drops() -> None:
    frame = conform(pl.DataFrame({"account_id": ["a"], "employees": [3.0], "odd": [1]}), account_schema())
    assert (frame.columns, frame["employees"].to_list()) == (list(account_schema()), [3])
    assert list(child_schema("deal"))[:4] == ["account_id", "connection", "id", "stream"]


def test_details_of_nobody_and_of_strangers_are_empty() -> None:
    found = evaluate(Portfolio().account("a").frames(), f4(), AT)
    assert list(found.details([])) == []
    assert list(found.details(["z"])) == []
    assert [name for name, _ in found.details()] == ["a"]
