"""How fast accounts are evaluated, against a bare Polars expression of the same score on the same columns."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from config.frameworks import load_framework_file
from mapping import schema
from mapping.engine import evaluate, scored
from mapping.frames import AsOf, Frames, ordered
from mapping.health import score

TODAY = date(2026, 1, 15)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def synthetic(accounts: int) -> Frames:
    """A portfolio of `accounts` with three tickets, one meeting of two people, one deal and one contract each.

    About one in eight is in a bad way, and about one alert stands for three accounts.
    """
    n = pl.int_range(accounts, eager=True).alias("n")
    spread = pl.col("n") * 7919 % 997 / 997  # deterministic, no two neighbours alike
    base = pl.DataFrame({"n": n}).with_columns(account_id=pl.format("account:{}", "n"), share=1 - spread**3)
    day = pl.lit(TODAY) - pl.duration(days=pl.col("n") % 700)
    rows = base.with_columns(
        name="account_id",
        go_live_at=day,
        contract_signed_at=day - pl.duration(days=80),
        logins_per_user_week=pl.col("share") * 4,
        features_used=pl.col("share") * 10,
        features_licensed=pl.lit(10.0),
        data_volume=pl.col("share") * 100,
        data_volume_contracted=pl.lit(100.0),
        usage_as_of=pl.lit(TODAY),
        roi_realised=pl.col("share"),
        roi_target=pl.lit(1.0),
        goals_achieved=(pl.col("share") * 4).floor(),
        goals_agreed=pl.lit(4.0),
        hours_saved=pl.col("share") * 90,
        hours_saved_target=pl.lit(100.0),
        value_as_of=pl.lit(TODAY),
        reference_status=pl.lit("willing"),
        arr=pl.lit(50_000).cast(schema.MONEY),
        currency=pl.lit("EUR"),
        **{feed: pl.lit(value=True) for feed in schema.FEEDS},
    )
    when = pl.lit(NOON) - pl.duration(days=(75 * spread**8).floor())
    child = base.select("n", "account_id", id=pl.format("c{}", "n"), connection=pl.lit("hubspot"), stream=pl.lit("s"))
    tickets = pl.concat(
        child.with_columns(id=pl.format("t{}-{}", "n", pl.lit(k)), created_at=when, sentiment=pl.lit(0.3))
        for k in range(3)
    )
    planned = pl.when(pl.col("n") % 5 > 0).then(pl.lit("QBR with strategic planning and adoption check"))
    meetings = child.with_columns(starts_at=when, outcome=pl.lit("completed"), title=planned)
    people = pl.concat(
        child.with_columns(id=pl.format("a{}-{}", "n", pl.lit(k)), meeting_ref="id", contact_ref=pl.lit(f"p{k}"))
        for k in range(2)
    )
    return Frames(
        accounts=schema.conform(rows, schema.account_schema()),
        tickets=schema.conform(tickets, schema.child_schema("ticket")),
        meetings=schema.conform(meetings, schema.child_schema("meeting")),
        attendances=schema.conform(people, schema.child_schema("attendance")),
        deals=schema.conform(
            child.with_columns(kind=pl.lit("new"), state=pl.lit("won"), closed_won_at=when), schema.child_schema("deal")
        ),
        contracts=schema.conform(
            child.with_columns(
                start_at=pl.lit(TODAY) - timedelta(days=300),
                end_at=pl.lit(TODAY) + pl.duration(days=pl.col("n") % 330),
                auto_renew=pl.col("n") % 5 > 0,
                arr=pl.lit(50_000).cast(schema.MONEY),
                currency=pl.lit("EUR"),
            ),
            schema.child_schema("contract"),
        ),
    )


def _points(value: pl.Expr, curve: list[tuple[float, float]]) -> pl.Expr:
    (x0, y0), *rest = curve
    expression, left_x, left_y = pl.lit(y0), x0, y0
    for x, y in rest:
        slope = (y - left_y) / (x - left_x)
        expression = pl.when(value > left_x).then(left_y + (value - left_x) * slope).otherwise(expression)
        left_x, left_y = x, y
    return pl.when(value >= left_x).then(left_y).otherwise(expression)


def counted(frames: Frames) -> pl.DataFrame:
    """Accounts with the three counts that their score needs."""
    since = pl.lit(NOON) - pl.duration(days=90)
    met = frames.meetings.filter(pl.col("starts_at") > since).select("account_id", "id")
    people = frames.attendances.join(met, left_on="meeting_ref", right_on="id", how="semi")
    counts = people.group_by("account_id").agg(people=pl.col("contact_ref").n_unique())
    asked = frames.tickets.filter(pl.col("created_at") > since)
    mood = asked.group_by("account_id").agg(mood=pl.col("sentiment").mean(), asked=pl.len())
    return frames.accounts.join(counts, on="account_id", how="left").join(mood, on="account_id", how="left")


def bare_score(table: pl.DataFrame) -> pl.DataFrame:
    """The same twelve metrics and weights as one expression over `counted` accounts: nothing can be faster."""
    col = pl.col
    weighted = [
        (10, _points(col("logins_per_user_week"), [(0, 0), (1, 50), (3, 100)])),
        (10, _points(col("features_used") / col("features_licensed"), [(0, 0), (0.5, 60), (0.8, 100)])),
        (10, _points(col("data_volume") / col("data_volume_contracted"), [(0, 0), (0.5, 50), (1, 100)])),
        (10, _points(col("roi_realised") / col("roi_target"), [(0, 0), (1, 100)])),
        (10, _points(col("goals_achieved") / col("goals_agreed"), [(0, 0), (1, 100)])),
        (10, _points(col("hours_saved") / col("hours_saved_target"), [(0, 0), (1, 100)])),
        (20 / 3, _points(col("people").fill_null(0).cast(pl.Float64), [(0, 0), (3, 100)])),
        (20 / 3, _points(col("mood"), [(-1, 0), (1, 100)])),
        (20 / 3, pl.lit(100.0)),
        (20 / 3, pl.lit(0.0)),
        (20 / 3, pl.lit(80.0)),
        (20 / 3, _points(col("asked").fill_null(0).cast(pl.Float64), [(0, 0), (1, 60), (3, 100)])),
    ]
    present = pl.sum_horizontal(weight * points.is_not_null() for weight, points in weighted)
    total = pl.sum_horizontal(weight * points.fill_null(0) for weight, points in weighted)
    return table.select("account_id", score=(total / present).round(1))


def run(accounts: int) -> dict[str, float]:
    """The score against a bare one on ready columns, both with what makes these columns, and a whole evaluation."""
    framework, at = load_framework_file("cradle_to_grave"), AsOf(NOON)
    evaluate(synthetic(100), framework, at)  # compiles expressions, warms the thread pool
    frames = ordered(synthetic(accounts))
    ready, table = scored(frames, framework, at), counted(frames)
    parts: dict[str, Callable[[], object]] = {
        "score": lambda: score(ready.table, ready.plans, framework),
        "bare": lambda: bare_score(table),
        "facts": lambda: scored(frames, framework, at),
        "counts": lambda: bare_score(counted(frames)),
        "whole": lambda: evaluate(frames, framework, at),
    }
    took = {name: min(_seconds(part) for _ in range(5)) for name, part in parts.items()}
    return {
        "accounts": accounts,
        "score_seconds": took["score"],
        "times_bare_score": took["score"] / took["bare"],
        "with_facts_seconds": took["facts"],
        "times_bare_counts": took["facts"] / took["counts"],
        "whole_seconds": took["whole"],
    }


def _seconds(part: Callable[[], object]) -> float:
    started = time.perf_counter()
    part()
    return time.perf_counter() - started
