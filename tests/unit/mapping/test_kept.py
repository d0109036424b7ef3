"""Health is kept in parts of some accounts each, and read from the part that an account is in."""

from __future__ import annotations

import polars as pl
import pytest

from mapping.kept import KEPT, health_of, parted

ACCOUNTS = [f"a{number}" for number in range(7)]


def kept(*rows: tuple[str, str]) -> pl.DataFrame:
    found = [{"metric": metric, "account_id": account, "points": float(ord(account[-1]))} for metric, account in rows]
    return pl.DataFrame(found, schema=KEPT)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_the_parts_together_are_the_whole(size: int) -> None:
    whole = kept(*((metric, account) for metric in ("m", "n") for account in ACCOUNTS))
    parts = list(parted(whole, size))
    assert [account for ids, _ in parts for account in ids] == ACCOUNTS
    assert all(len(ids) <= size for ids, _ in parts)
    found = {account: health for ids, part in parts for account, health in health_of(part, ids).items()}
    assert found == health_of(whole, ACCOUNTS)


def test_nothing_has_no_parts() -> None:
    assert list(parted(kept(), 5)) == []


@pytest.mark.parametrize(
    "rows",
    [
        [("m", "a0"), ("n", "a0"), ("m", "a1"), ("n", "a1")],
        [("m", "a0"), ("m", "a1"), ("n", "a0")],
        [("m", "a0"), ("m", "a1"), ("n", "a1"), ("n", "a0")],
    ],
)
def test_rows_in_another_order_are_refused(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="one order"):
        list(parted(kept(*rows), 5))
