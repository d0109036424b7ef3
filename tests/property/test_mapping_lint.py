"""A rule is called unreachable exactly when no account of a much finer grid is decided by it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import polars as pl
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from mapping.framework import Framework, load_framework
from mapping.lint import lint
from mapping.lint.grid import AT
from mapping.schema import MONEY
from mapping.table import Table, padded, unpadded

LIMITS = st.integers(0, 6)
ORDER = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
atoms = st.one_of(
    st.builds("employees {} {}".format, ORDER, LIMITS),
    st.builds("arr {} {}.5".format, ORDER, LIMITS),
    st.builds("days_since_go_live {} {}".format, ORDER, LIMITS),
    st.builds("days_until_contract_end {} {}".format, ORDER, LIMITS),
    st.builds("employees BETWEEN {} AND {}".format, LIMITS, LIMITS),
    st.builds("go_live_at + INTERVAL '{} days' {} contract_end_at".format, st.integers(1, 6), ORDER),
    st.sampled_from(
        ["strategic_flag", "NOT strategic_flag", "arr IS NULL", "strategic_flag IS NULL", "big", "NOT big"]
    ),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=3,
)


def framework(rules: list[str]) -> Framework:
    """The least that loads, with those rules as its segments."""
    listed: list[dict[str, Any]] = [{"id": f"r{number}", "when": when} for number, when in enumerate(rules)]
    metric = {"id": "m", "label": "M", "value": "arr", "curve": [[0, 0], [1, 100]]}
    return load_framework(
        {
            "framework": "made_up", "title": "Made up",
            "parameters": {"limit": 3},
            "facts": {"big": {"value": "arr > limit OR employees > limit"}},
            "score": {"bands": [{"id": "red", "min": 0}],
                      "components": [{"id": "c", "label": "C", "weight": 1, "metrics": [metric]}]},
            "stages": [{"id": "all", "when": "TRUE"}],
            "segments": [{"dimension": "segment", "rules": [*listed, {"id": "rest", "when": "TRUE"}]}],
        },
        "made_up",
    )  # fmt: skip


def accounts() -> pl.DataFrame:
    """Every combination of quarters of a number, and of the days around today, which no constant names."""
    days = [None, *(AT.date + timedelta(days=number) for number in range(-14, 15, 1))]
    whole = [None, *range(-2, 10)]
    money = [None, *(Decimal(number) / 2 for number in range(-2, 18))]
    flags = [None, True, False]
    # All four at once would be too many rows: numbers in full beside some days, days in full beside some numbers.
    rows = [*product(money, whole, flags, days[::9], days[::9])]
    rows += [*product(money[::5], whole[::4], flags, days, days)]
    schema = {"arr": MONEY, "employees": pl.Int64(), "strategic_flag": pl.Boolean(), "go_live_at": pl.Date(),
              "contract_end_at": pl.Date()}  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(account_id=pl.lit("one"))


FINE = accounts()


def deciding(made: Framework, count: int) -> set[int]:
    """Rules that decide for one of the accounts."""
    rules = [made.at("segments", 0, "rules", number, "when") for number in range(count)]
    table = Table(padded(FINE), AT)
    table.add(limit=pl.lit(3))
    table.compute({"big": made.at("facts", "big", "value")})
    table.prepare(rules)
    matched = pl.coalesce(
        *(pl.when(rule.expr).then(pl.lit(number)) for number, rule in enumerate(rules)), pl.lit(None, dtype=pl.Int32)
    )
    return set(unpadded(table.frame).select(matched.alias("which")).to_series().drop_nulls().unique().to_list())


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(rules=st.lists(conditions, min_size=1, max_size=4))
@example(rules=["(days_since_go_live = 0 AND go_live_at + INTERVAL '6 days' < contract_end_at)"])
@example(rules=["(days_since_go_live = 3 AND contract_end_at = go_live_at + INTERVAL '6 days')"])
def test_rules_are_reachable_or_not_as_a_finer_grid_says(rules: list[str]) -> None:
    made = framework(rules)
    linted = lint(made)
    if linted.undecided:  # a moved date beside another one and much else: too many combinations to try
        assert any("INTERVAL" in rule for rule in rules)
        return
    found = {one.path[3] for one in linted.findings if one.check in ("never_holds", "unreachable")}
    decided = deciding(made, len(rules))
    assert not found & decided, "a rule that decides was called unreachable"
    simple = not any("INTERVAL" in rule or "days_" in rule for rule in rules)
    if simple:  # the finer grid has every combination of these
        assert found == set(range(len(rules))) - decided
