"""The weekly health report: how many accounts are in which band, who moved, what is not known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction

import polars as pl

from mapping.reports import watch
from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table, number, share, tone
from mapping.reports.gathered import Gathered, amount, listed, total

WEEKS = 13
"""So many weeks are drawn, the last one included."""
ROWS = 10_000
UNKNOWN = "unknown"
NOT_YET = "not evaluated"


def weekly_health(found: Gathered) -> Document:
    """The week that ends with the day of the report, from what the runs stored; only customers count."""
    days = [found.at.date - timedelta(days=7 * back) for back in reversed(range(WEEKS))]
    standing = {day: _standing(found, found.moment(day)) for day in days}
    now, then = standing[days[-1]], standing[days[-2]]
    moves = moved(found, now, then)
    return found.document(
        "weekly-health",
        "Weekly health",
        (
            Section(
                "bands",
                "Health",
                _sentence(now, then),
                figures=_figures(found, now, then),
                charts=(_over_time(found, standing),),
            ),
            _movers(moves),
            _worst(found, now),
            watch.alerts(found),
            watch.unknown(found),
        ),
        since=days[-2] + timedelta(days=1),
    )


def bands_of(found: Gathered) -> list[tuple[str, str]]:
    """The bands of the framework, best first, then what has no score: id and label."""
    named = [(one.id, one.label or one.id) for one in found.framework.spec.score.bands]
    return [*named, (UNKNOWN, "No score")]


def counts(rows: pl.DataFrame) -> dict[str, int]:
    """Band → accounts."""
    return dict(rows.get_column("band").value_counts().iter_rows())


def standing_on(found: Gathered, day: date) -> pl.DataFrame:
    """`account_id`, `band`, `score` of the customers that a run had evaluated by the end of a day."""
    return _standing(found, found.moment(day))


def _standing(found: Gathered, moment: datetime) -> pl.DataFrame:
    known = found.history.filter(pl.col("at") <= moment).group_by("account_id", maintain_order=True).last()
    customers = found.active.select("account_id", "account", "arr", "segment", "renewal_status", "reasons")
    return customers.join(known.drop("at"), on="account_id", maintain_order="left")


def moved(found: Gathered, now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """Accounts with band and score of both moments and `change`; `rank` and `rank_then` count from the best band."""
    ranks = {name: place for place, (name, _) in enumerate(bands_of(found))}
    before = then.select("account_id", band_then="band", score_then="score")
    rows = now.join(before, on="account_id", how="left", maintain_order="left").with_columns(
        band_then=pl.col("band_then").fill_null(NOT_YET), change=(pl.col("score") - pl.col("score_then")).round(6)
    )
    rank = {
        f"rank{suffix}": pl.col(f"band{suffix}").replace_strict(list(ranks), list(ranks.values()), default=None)
        for suffix in ("", "_then")
    }
    return rows.with_columns(**rank)


def _sentence(now: pl.DataFrame, then: pl.DataFrame) -> str:
    if then.is_empty():
        return "Nothing was evaluated a week ago, so that there is nothing to compare with yet."
    return f"{now.height:,} customers were evaluated, {then.height:,} of them a week ago too."


def band_shares(found: Gathered, now: pl.DataFrame, then: pl.DataFrame) -> tuple[Figure, ...]:
    """The share of each band among the accounts with a score, now and then."""
    here, before = counts(now), counts(then)
    scored, scored_then = now.height - here.get(UNKNOWN, 0), then.height - before.get(UNKNOWN, 0)
    return tuple(
        share(
            f"{name}_share",
            label,
            here.get(name, 0),
            scored,
            excluded=here.get(UNKNOWN, 0),
            before=(before.get(name, 0), scored_then),
            made_of="accounts in this band ÷ accounts with a score",
            nothing="no account has a score",
        )
        for name, label in bands_of(found)[:-1]
    )


def _figures(found: Gathered, now: pl.DataFrame, then: pl.DataFrame) -> tuple[Figure, ...]:
    lacking = share(
        "unknown_share",
        "No score",
        counts(now).get(UNKNOWN, 0),
        now.height,
        before=(counts(then).get(UNKNOWN, 0), then.height),
        made_of="accounts without a score ÷ accounts",
        nothing="nothing was evaluated",
    )
    return (*band_shares(found, now, then), lacking, mean_score(now, then))


def mean_score(now: pl.DataFrame, then: pl.DataFrame) -> Figure:
    """The mean of the scores that are known; both of them exact, out of tenths or finer decimals."""
    top, n = _scores(now)
    top_then, n_then = _scores(then)
    return Figure(
        "mean_score",
        "Mean score",
        "number",
        value=number(top / n) if n else None,
        numerator=number(top),
        denominator=n,
        n=n,
        excluded_n=now.height - n,
        before=number(top_then / n_then) if n_then else None,
        status="reported" if n else "no_data",
        reason=None if n else "no account has a score",
        made_of="sum of scores ÷ accounts with a score",
    )


def _scores(rows: pl.DataFrame) -> tuple[Fraction, int]:
    known = rows.get_column("score").drop_nulls()
    return sum((Fraction(str(one)) for one in known), Fraction(0)), known.len()


def _over_time(found: Gathered, standing: dict[date, pl.DataFrame]) -> Chart:
    by_day = {day: counts(rows) for day, rows in standing.items()}
    series = tuple(
        Series(label, [by_day[day].get(name, 0) for day in by_day], tone=tone(name)) for name, label in bands_of(found)
    )
    return Chart(
        "bands",
        "Customers by band, a column a week",
        "stacked",
        "count",
        [day.isoformat() for day in by_day],
        series,
        "day",
    )


_MOVER = (
    Column("account", "Account"),
    Column("band_then", "Was", "band"),
    Column("band", "Is", "band"),
    Column("score_then", "Score then", "number"),
    Column("score", "Score now", "number"),
    Column("change", "Change", "points"),
    Column("reasons", "Because"),
)


def _movers(rows: pl.DataFrame) -> Section:
    both = rows.filter(pl.col("rank").is_not_null() & pl.col("rank_then").is_not_null())
    scored = both.filter((pl.col("band") != UNKNOWN) & (pl.col("band_then") != UNKNOWN))
    worse, better = (
        scored.filter(pl.col("rank") > pl.col("rank_then")),
        scored.filter(pl.col("rank") < pl.col("rank_then")),
    )
    crossed = both.filter(pl.col("band") != pl.col("band_then")).group_by("band_then", "band", "rank_then", "rank")
    pairs = crossed.agg(accounts=pl.len(), arr=pl.col("arr").sum()).sort("rank_then", "rank")
    fell = scored.filter(pl.col("change") < 0).sort("change", "account_id")
    rose = scored.filter(pl.col("change") > 0).sort("change", "account_id", descending=[True, False])
    made_of = "accounts with a score then and now"
    return Section(
        "movers",
        "Who moved",
        figures=(
            share(
                "band_drops",
                "Fell into a worse band",
                worse.height,
                scored.height,
                made_of=f"fell ÷ {made_of}",
                nothing="no account had a score then and now",
            ),
            share(
                "band_rises",
                "Rose into a better band",
                better.height,
                scored.height,
                made_of=f"rose ÷ {made_of}",
                nothing="no account had a score then and now",
            ),
        ),
        tables=(
            Table(
                "moves",
                "Between bands",
                (
                    Column("band_then", "From", "band"),
                    Column("band", "To", "band"),
                    Column("accounts", "Accounts", "count"),
                    Column("arr", "ARR", "money"),
                ),
                listed(pairs, ("band_then", "band", "accounts", "arr"), ROWS, scaled=["arr"]),
                pairs.height,
                "No account changed its band.",
            ),
            _mover_table("fell", "Scores that fell most", fell, "No score fell."),
            _mover_table("rose", "Scores that rose most", rose, "No score rose."),
        ),
    )


def _mover_table(id_: str, title: str, rows: pl.DataFrame, empty: str) -> Table:
    columns = ("account_id", *(one.id for one in _MOVER))
    return Table(id_, title, _MOVER, listed(rows, columns, ROWS), rows.height, empty)


def _worst(found: Gathered, now: pl.DataFrame) -> Section:
    red = list(found.framework.spec.renewal.red_bands) or [found.framework.spec.score.bands[-1].id]
    rows = now.filter(pl.col("band").is_in(red)).sort("arr", "account_id", descending=[True, False], nulls_last=True)
    columns = (
        Column("account", "Account"),
        Column("segment", "Segment", "word"),
        Column("arr", "ARR", "money"),
        Column("score", "Score", "number"),
        Column("renewal_status", "Renewal", "word"),
        Column("reasons", "Because"),
    )
    unknown_arr = rows.get_column("arr").null_count()
    return Section(
        "worst",
        "In the worst band, most revenue first",
        figures=(
            amount(
                "red_arr",
                "ARR in the worst band",
                total(rows, "arr"),
                n=rows.height - unknown_arr,
                excluded=unknown_arr,
                made_of="what its accounts pay a year",
            ),
        ),
        tables=(
            Table(
                "worst",
                "Accounts",
                columns,
                listed(rows, ("account_id", *(one.id for one in columns)), ROWS, scaled=["arr"]),
                rows.height,
                "No account is in the worst band.",
            ),
        ),
    )
