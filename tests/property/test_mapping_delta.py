"""The parts of a change of the score add up to it, and each is zero where its cause is absent."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mapping.delta import change
from mapping.frames import AsOf
from mapping.framework import Framework, load_framework
from tests.unit.mapping.portfolio import Portfolio, f4, noon, shipped

AT = AsOf(noon("2025-11-10"))
PARTS = ("metrics", "configuration", "coverage")
FIGURES = (
    "logins_per_user_week", "features_used", "data_volume", "roi_realised", "goals_achieved", "hours_saved",
)  # fmt: skip
TARGETS = {
    "features_licensed": 1.0, "data_volume_contracted": 1.0, "roi_target": 1.0, "goals_agreed": 1.0,
    "hours_saved_target": 1.0, "has_usage": False,
}  # fmt: skip
figure = st.one_of(st.none(), st.floats(0, 3).map(lambda one: round(one, 4)))
sides = st.fixed_dictionaries(
    dict.fromkeys(FIGURES, figure) | {"reference_status": st.sampled_from([None, "refused", "willing", "active"])}
)


@cache
def f4_changed() -> Framework:
    """Other weights and curves, a metric less, another one more, and one that is filled in."""
    data = shipped()
    usage, value, _relationship, growth = data["score"]["components"]
    usage["weight"] = 50
    usage["metrics"][0]["curve"] = [[0, 0], [2, 100]]
    usage["metrics"][1]["missing"] = "neutral"
    value["metrics"].pop(2)
    growth["metrics"].append(
        {"id": "employees", "label": "Employees", "value": "employees", "curve": [[0, 0], [9, 100]]}
    )
    return load_framework(data, "changed")


def healths(accounts: list[dict[str, Any]], framework: Framework) -> list[dict[str, Any]]:
    portfolio = Portfolio()
    for number, fields in enumerate(accounts):
        portfolio.account(str(number), **{**TARGETS, **fields})
    details = dict(portfolio.on(AT.instant, framework).evaluation.details())
    return [details[str(number)]["health"] for number in range(len(accounts))]


def exact(value: float) -> Decimal:
    return Decimal(str(value))


@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(pairs=st.lists(st.tuples(sides, sides), min_size=10, max_size=20))
def test_the_parts_add_up_and_are_zero_without_a_cause(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    before = healths([one for one, _other in pairs], f4())
    after = healths([other for _one, other in pairs], f4())
    changed = healths([other for _one, other in pairs], f4_changed())
    same_figures = healths([one for one, _other in pairs], f4_changed())
    for was, now, then, same in zip(before, after, changed, same_figures, strict=True):
        plain = told(was, now, f4(), same_model=True)
        other = told(was, then, f4_changed(), same_model=False)
        rules = told(was, same, f4_changed(), same_model=False)
        if plain:
            assert plain["configuration"] == 0
            known = [{one["id"] for one in health["metrics"] if one["missing"] is None} for health in (was, now)]
            if known[0] == known[1]:
                assert plain["coverage"] == 0
            both = known[0] & known[1]
            values = [{one["id"]: one["value"] for one in health["metrics"]} for health in (was, now)]
            if all(values[0][name] == values[1][name] for name in both):
                assert plain["metrics"] == 0
        if rules:
            assert (rules["metrics"], rules["coverage"]) == (0, 0)
        assert other is None or set(PARTS) <= set(other)


def told(was: dict[str, Any], now: dict[str, Any], framework: Framework, *, same_model: bool) -> dict[str, Any] | None:
    """The parts, whose sum is looked at; None where there is no score at one of the two times."""
    found = change(was, now, framework, AT, same_model=same_model)
    if was["unrounded"] is None or now["unrounded"] is None:
        assert [found[name] for name in ("difference", *PARTS)] == [None] * 4
        return None
    assert exact(found["difference"]) == exact(now["unrounded"]) - exact(was["unrounded"])
    assert sum(exact(found[name]) for name in PARTS) == exact(found["difference"])
    return found
