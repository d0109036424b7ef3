"""The three forms of `--select`, and what is said about a selection that cannot be."""

from __future__ import annotations

import polars as pl
import pytest

from sync.errors import UsageError
from sync.selection import Selection

ACCOUNTS = pl.DataFrame(
    {
        "account_id": ["hubspot:1", "hubspot:2", "salesforce:001kW01"],
        "crm_ids": [["1", "001kW09"], ["2"], ["001kW01"]],
        "domain": ["acme.example", "beta.example", None],
        "segment": ["enterprise", "standard", "standard"],
        "health_score": [55.0, 81.5, None],
    }
)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("hubspot:1", {"hubspot:1"}),
        ("2", {"hubspot:2"}),
        ("001kW09", {"hubspot:1"}),
        ("Beta.example", {"hubspot:2"}),
        ("segment=standard", {"hubspot:2", "salesforce:001kW01"}),
        ("health_score < 60", {"hubspot:1"}),
        ("segment = 'standard' AND health_score IS NULL", {"salesforce:001kW01"}),
    ],
)
def test_what_is_selected(text: str, chosen: set[str]) -> None:
    selection = Selection(text)
    selection.look(ACCOUNTS.head(2))
    selection.look(ACCOUNTS.tail(1))
    assert selection.found() == chosen


@pytest.mark.parametrize("text", ["colour=red", "no_such_column > 3", "health_score <", "health_score + 1"])
def test_what_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--select"):
        Selection(text).look(ACCOUNTS)


def test_a_selection_of_nothing_is_a_usage_error() -> None:
    selection = Selection("nobody.example")
    selection.look(ACCOUNTS)
    with pytest.raises(UsageError, match="selects no account"):
        selection.found()
