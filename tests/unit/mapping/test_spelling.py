"""What a misspelt name could have been meant for."""

from __future__ import annotations

import pytest

from mapping.spelling import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("clossed", ["closed", "opened"], ["closed"]),
        ("CLOSED", ["Closed"], ["Closed"]),
        ("nothing_like_it", ["closed", "opened"], []),
        ("", ["closed"], []),
        ("closed", [], []),
    ],
)
def test_the_nearest_name_is_found_whatever_its_case(name: str, known: list[str], expected: list[str]) -> None:
    assert nearest(name, known) == expected


def test_how_near_and_how_many_can_be_chosen() -> None:
    assert nearest("opn", ["open", "opens", "oven"], most=2) == ["open", "opens"]
    assert nearest("ab", ["axyzb"]) == []
    assert nearest("ab", ["axyzb"], cutoff=0.5) == ["axyzb"]


def test_a_message_ends_with_what_was_meant_or_with_what_there_is() -> None:
    assert did_you_mean("opn", ["open", "oven"]) == "; did you mean open?"
    assert did_you_mean("x", ["open"]) == ""
    assert did_you_mean("x", ["open"], otherwise="; there is open") == "; there is open"
