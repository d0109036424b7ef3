"""Properties of the evaluation: sums that hold, and what must not matter: order, company, chunks, threads, clock."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.frameworks import load_framework_file
from mapping import schema
from mapping.engine import OUTPUTS, Evaluation, evaluate
from mapping.frames import AsOf, Frames
from mapping.framework import Framework
from tests.property.drawn import AT, QUICK, made_up
from tests.unit.mapping.portfolio import FRAMEWORKS, Portfolio, excellent, f4, noon

FRAME_FIELDS = [item.name for item in fields(Frames) if item.name != "rates"]


def digest(evaluation: Evaluation) -> str:
    body = evaluation.frame.write_csv() + json.dumps(list(evaluation.details()), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


SHIPPED = sorted(path.stem for path in FRAMEWORKS.glob("*.yaml") if not path.stem.endswith(".tests"))


@cache
def framework(name: str) -> Framework:
    """A shipped framework, with what it extends."""
    return load_framework_file(name)


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=3, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    frames = made_up(seed)
    shuffled = replace(
        frames,
        **{
            name: frame.sample(fraction=1, shuffle=True, seed=seed)
            for name in FRAME_FIELDS
            if (frame := getattr(frames, name)).height
        },
    )
    assert digest(evaluate(shuffled, framework(name), AT)) == digest(evaluate(frames, framework(name), AT))


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=3, **QUICK)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1, 2, 7, 11]))
def test_an_account_is_the_same_alone_in_a_chunk_and_among_all(name: str, seed: int, size: int) -> None:
    frames = made_up(seed, 12)
    everyone = evaluate(frames, framework(name), AT)
    chunks = [replace(frames, accounts=few) for few in frames.accounts.iter_slices(size)]
    parts = [evaluate(chunk, framework(name), AT) for chunk in chunks]
    assert pl.concat([part.frame for part in parts]).equals(everyone.frame)
    assert pl.concat([part.alerts() for part in parts]).equals(everyone.alerts())
    assert [detail for part in parts for detail in part.details()] == list(everyone.details())


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
    frames = made_up(seed)  # no meeting begins and no ticket closes between the two moments
    first, second = (
        evaluate(frames, f4(), AsOf(AT.instant + timedelta(minutes=shift), AT.zone)).frame for shift in (60, 300)
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


@pytest.mark.long
def test_number_of_threads_does_not_matter() -> None:
    root = Path(__file__).parents[2]
    code = (
        "from tests.property.test_mapping_engine import AT, SHIPPED, digest, framework, made_up\n"
        "from mapping.engine import evaluate\n"
        "print([digest(evaluate(made_up(5, 200), framework(name), AT)) for name in SHIPPED])"
    )
    seen = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": str(root), "PYTHONHASHSEED": threads}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout.strip())
    assert len(seen) == 1
