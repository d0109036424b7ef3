"""Properties of the evaluation: sums that hold, an order that does not matter, and a plain second opinion."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mapping import schema
from mapping.engine import OUTPUTS, Evaluation, evaluate
from mapping.frames import AsOf, Frames
from tests.unit.mapping.portfolio import Portfolio, excellent, f4, noon

TODAY = date(2025, 11, 10)
AT = AsOf(noon("2025-11-10"), "Europe/Copenhagen")
# A whole evaluation is too slow to shrink a failure of it; the seed names the portfolio.
QUICK: dict[str, Any] = {"deadline": None, "phases": (Phase.explicit, Phase.reuse, Phase.generate)}
FRAME_FIELDS = [item.name for item in fields(Frames) if item.name != "rates"]


def made_up(seed: int, size: int = 60) -> Frames:
    """A portfolio with every kind of record, gap and oddity, the same for the same seed."""
    dice = random.Random(seed)
    portfolio = Portfolio()
    for number in range(size):
        _account(dice, portfolio, f"hubspot:{number}")
    return portfolio.frames()


def _account(dice: random.Random, portfolio: Portfolio, name: str) -> None:
    def day(low: int, high: int, there: float = 0.7) -> date | None:
        return TODAY + timedelta(days=dice.randint(low, high)) if dice.random() < there else None

    def number(top: float) -> float | None:
        return round(dice.random() * top, 3) if dice.random() < 0.85 else None

    portfolio.account(
        name,
        **{
            item: number(4)
            for item in (
                "logins_per_user_week",
                "features_used",
                "features_licensed",
                "data_volume",
                "data_volume_contracted",
                "roi_realised",
                "roi_target",
                "goals_achieved",
                "goals_agreed",
                "hours_saved",
            )
        },
        arr=dice.choice([None, 0, 1000, "33333.333333"]),
        reference_status=dice.choice([None, "willing", "refused", "odd"]),
        strategic_flag=dice.choice([None, True, False]),
        usage_as_of=day(-9, 0),
        value_as_of=day(-130, 0),
        contract_signed_at=day(-900, 30),
        go_live_at=day(-800, 60),
        contract_end_at=day(-60, 300),
        churned_at=day(-90, 30, 0.1),
        auto_renew=dice.choice([None, True, False]),
        has_meetings=dice.random() < 0.8,
        has_tickets=dice.random() < 0.8,
    )
    for _ in range(dice.randint(0, 5)):
        portfolio.ticket(
            name, created_at=noon("2025-11-01") - timedelta(days=dice.randint(0, 120)), sentiment=number(1)
        )
    for _ in range(dice.randint(0, 4)):
        held = noon("2025-11-01") - timedelta(days=dice.randint(-20, 120))
        people = tuple(f"c{dice.randint(0, 4)}" for _ in range(dice.randint(0, 3)))
        portfolio.meeting(name, people, starts_at=held, outcome=dice.choice(["completed", "no_show", None]), type="QBR")
    for _ in range(dice.randint(0, 3)):
        portfolio.deal(
            name,
            kind=dice.choice(["new", "renewal", "expansion"]),
            state=dice.choice(["open", "won", "lost"]),
            amount=dice.choice([None, 900, "1010.000001"]),
            close_date=day(-200, 200),
            closed_won_at=None,
        )
    for _ in range(dice.choice([0, 0, 1, 2, 3])):
        end = TODAY + timedelta(days=dice.randint(-100, 400))
        portfolio.contract(
            name, start_at=end - timedelta(days=dice.randint(30, 400)), end_at=end, arr=dice.choice([None, 500])
        )
    if dice.random() < 0.5:
        portfolio.scored(
            noon("2025-10-11"), round(dice.random() * 100, 1), dice.choice(["green", "yellow", "red"]), name
        )


def digest(evaluation: Evaluation) -> str:
    body = evaluation.frame.write_csv() + json.dumps(list(evaluation.details()), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


@settings(max_examples=6, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    frames = made_up(seed)
    shuffled = replace(
        frames,
        **{
            name: frame.sample(fraction=1, shuffle=True, seed=seed)
            for name in FRAME_FIELDS
            if (frame := getattr(frames, name)).height
        },
    )
    assert digest(evaluate(shuffled, f4(), AT)) == digest(evaluate(frames, f4(), AT))


@settings(max_examples=6, **QUICK)
@given(seed=st.integers(0, 10**6), share=st.floats(0.02, 0.9))
def test_an_account_is_the_same_alone_and_among_others(seed: int, share: float) -> None:
    frames = made_up(seed)
    everyone = evaluate(frames, f4(), AT)
    few = frames.accounts.head(max(1, int(frames.accounts.height * share)))
    some = evaluate(replace(frames, accounts=few), f4(), AT)
    wanted = few["account_id"].to_list()
    assert some.frame.equals(everyone.frame.filter(pl.col("account_id").is_in(wanted)))
    assert dict(some.details()) == dict(everyone.details(wanted))


@settings(max_examples=6, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_losses_explain_the_score(seed: int) -> None:
    for _, detail in evaluate(made_up(seed), f4(), AT).details():
        health = detail["health"]
        assert isinstance(health, dict)
        if health["score"] is None:
            assert health["band"] == "unknown"
            assert health["coverage"] < 0.5
            continue
        lost = sum(item["loss"] or 0 for item in health["metrics"])
        gained = sum(item["contribution"] or 0 for item in health["metrics"])
        assert abs(lost - (100 - health["unrounded"])) < 1e-6
        assert abs(gained - health["unrounded"]) < 1e-6
        rounded = Decimal(f"{health['unrounded']:.9f}").quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert Decimal(str(health["score"])) == rounded
        assert health["band"] == ("green" if rounded >= 80 else "yellow" if rounded >= 60 else "red")
        assert len(health["reasons"]) <= 255


@settings(max_examples=4, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_nothing_written_changes_by_the_clock_alone(seed: int) -> None:
    frames = made_up(seed)
    first, second = (
        evaluate(frames, f4(), AsOf(AT.instant + timedelta(minutes=shift), AT.zone)).frame for shift in (0, 300)
    )
    assert first.drop("scored_at").equals(second.drop("scored_at"))


def test_nothing_written_changes_from_one_day_to_the_next_without_a_boundary() -> None:
    life = {"contract_signed_at": "2025-01-10", "go_live_at": "2025-03-28", "contract_end_at": "2026-01-09"}
    portfolio = excellent(Portfolio(), **life)
    excellent(portfolio, "won", **life).deal(
        "won", kind="renewal", state="won", amount=1, closed_won_at="2025-12-01", close_date="2025-12-01"
    )
    excellent(portfolio, "left", **life, churned_at="2025-09-01")
    excellent(portfolio, "auto", **life, auto_renew=True, strategic_flag=True)
    for stage_day in ("2025-02-01", "2025-05-05", "2025-08-08", "2025-10-20", "2025-11-20", "2025-12-20", "2026-02-20"):
        found = [portfolio.on(noon(stage_day) + timedelta(days=shift)).evaluation.frame for shift in (0, 1)]
        assert found[0].drop("scored_at").equals(found[1].drop("scored_at")), stage_day


def test_frame_has_the_promised_columns_and_no_account_is_lost() -> None:
    frames = made_up(1)
    frame = evaluate(frames, f4(), AT).frame
    assert dict(frame.schema) == OUTPUTS
    assert frame["account_id"].to_list() == sorted(frames.accounts["account_id"].to_list())
    assert evaluate(Frames(schema.empty(schema.account_schema())), f4(), AT).frame.height == 0


def test_number_of_threads_does_not_matter() -> None:
    root = Path(__file__).parents[2]
    code = (
        "from tests.property.test_mapping_engine import AT, digest, made_up\n"
        "from mapping.engine import evaluate\nfrom tests.unit.mapping.portfolio import f4\n"
        "print(digest(evaluate(made_up(5, 300), f4(), AT)))"
    )
    seen = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": str(root), "PYTHONHASHSEED": threads}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout.strip())
    assert len(seen) == 1


# A second, plain implementation of the renewal rules for accounts with one term

terms = st.fixed_dictionaries(
    {
        "days": st.integers(-40, 100),
        "auto": st.booleans(),
        "notice": st.booleans(),
        "red": st.booleans(),
        "forecast": st.sampled_from([None, "churn", "downsell"]),
        "deal": st.sampled_from([None, "open", "won", "lost"]),
        "amount": st.sampled_from([None, 50_000, 98_999, 99_000, 101_000, 101_001]),
        "override": st.sampled_from([None, "on_track", "projected_churn"]),
        "left": st.sampled_from([None, -50, 0, 1]),
    }
)


def plain_status(case: dict[str, Any]) -> str:
    days, deal, auto = case["days"], case["deal"], case["auto"]
    left = case["left"] is not None and case["left"] <= 0
    rolled = auto and days < 0 and not case["notice"] and not left
    unstarted = days <= 60 and deal != "open" and not auto
    small = deal == "open" and case["amount"] is not None and Decimal(case["amount"]) / 100_000 < Decimal("0.99")
    rules = [
        ((deal == "won" and not (left and case["left"] > days)) or rolled, "renewed"),
        (left or (days < 0 and (deal == "lost" or days < -30)), "churned"),
        (days < 0, "overdue"),
        (case["override"] is not None, str(case["override"])),
        (case["notice"] or deal == "lost" or case["forecast"] == "churn", "projected_churn"),
        (small or case["forecast"] == "downsell", "projected_downsell"),
        (days <= 90 and (case["red"] or unstarted), "at_risk"),
        (days <= 90 and deal != "open" and not auto, "due"),
        (deal == "open" or days <= 90, "on_track"),
    ]
    return next((status for holds, status in rules if holds), "not_due")


@settings(max_examples=12, **QUICK)
@given(cases=st.lists(terms, min_size=30, max_size=60))
def test_renewal_agrees_with_a_plain_reading_of_the_rules(cases: list[dict[str, Any]]) -> None:
    portfolio = Portfolio()
    for number, case in enumerate(cases):
        end = TODAY + timedelta(days=case["days"])
        value = 0.0 if case["red"] else 5.0
        portfolio.account(
            f"{number:03}",
            arr=100_000,
            contract_end_at=end,
            auto_renew=case["auto"],
            renewal_forecast=case["forecast"],
            cancel_notice_at=TODAY if case["notice"] else None,
            renewal_status_override=case["override"],
            churned_at=TODAY + timedelta(days=case["left"]) if case["left"] is not None else None,
            override_reason="said so",
            override_until=TODAY,
            has_deals=False,
            has_tickets=False,
            has_meetings=False,
            logins_per_user_week=value,
            features_used=value,
            features_licensed=5.0,
            data_volume=value,
            data_volume_contracted=5.0,
            roi_realised=value,
            roi_target=5.0,
            goals_achieved=value,
            goals_agreed=5.0,
        )
        if case["deal"]:
            portfolio.deal(f"{number:03}", kind="renewal", state=case["deal"], amount=case["amount"], close_date=end)
    rows = evaluate(portfolio.frames(), f4(), AT).frame
    assert rows["renewal_status"].to_list() == [plain_status(case) for case in cases]
