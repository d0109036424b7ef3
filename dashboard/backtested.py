"""What the scores of the past were worth, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import table
from dashboard.text import inert

Data = Mapping[str, Any]
LEFT_OUT = {
    "already_gone": "gone already",
    "no_contract_end": "without a known contract end",
    "no_score": "without a score",
    "end_unknown": "deleted before the outcome was known",
}


def show_backtest(out: Console, page: Data, suggested: Path | None = None) -> None:
    """What was looked at, how well the scores told who left, then the table and the suggestion."""
    out.print(
        Text(
            f"{page['observations']} scores of {page['accounts']} accounts on {page['days']} days from {page['since']} "
            f"to {page['until']}; {page['churned']} customers left within {page['horizon_days']} days after one.",
            style="bold",
        )
    )
    if left_out := [f"{number} {LEFT_OUT[why]}" for why, number in page["left_out"].items() if number]:
        out.print(Text(f"Left out: {', '.join(left_out)}."))
    for sentence in _figures(page):
        out.print(Text(sentence))
    out.print(_bins(page["calibration"]))
    for warning in page["warnings"]:
        out.print(Text(warning, style="yellow"))
    if page["suggestion"] is not None:
        _show_suggestion(out, page["suggestion"], suggested)


def notes(page: Data) -> list[str]:
    """What stands above the weights in the file: where they come from, and what they did."""
    made = page["suggestion"]
    origin = f"{page['as_of']} for {page['framework']} (model {page['model_version']})"
    dropped = f" Without weight and left out: {', '.join(made['dropped'])}." if made["dropped"] else ""
    left = f"{made['churned']} customers that left within {page['horizon_days']} days"
    return [
        f"Weights suggested by `keepwell backtest` on {origin}.",
        f"Fitted to {left}, by {made['level']}.{dropped}",
        _gain(made),
        "Nothing uses this file by itself. Read it, then try it: keepwell simulate --framework ./THIS_FILE",
    ]


def _figures(page: Data) -> Iterator[str]:
    auc, top = page["auc"], page["top"]
    if auc is not None:
        interval = "" if auc["low"] is None else f" (95 % interval {auc['low']:.2f} to {auc['high']:.2f})"
        yield (
            f"AUC {auc['value']:.2f}{interval}: of a customer that left and one that stayed, the one that left had the "
            f"lower score in {auc['value']:.0%} of the pairs; 50% is chance."
        )
    if top is not None:
        yield (
            f"The lowest {top['share']:.0%} of the scores hold {top['capture']:.0%} of those that were followed by a "
            f"departure, {top['lift']:.1f} times their share of all."
        )
    error = page["calibration"]["error"]
    if error is not None:
        yield f"Calibration error {error:.1%}: how far the share that left is from the expected one, on average."


def _bins(calibration: Data) -> Any:
    rows = [
        (
            f"{one['from']:g} to {one['to']:g}", one["n"], one["events"], f"{one['observed']:.1%}",
            "–" if one["expected"] is None else f"{one['expected']:.1%}",
        )
        for one in calibration["bins"]
    ]  # fmt: skip
    since = calibration["since"]
    title = "By score" if since is None else f"By score, from {since} on"
    columns = ("score", "scores", "left", "share that left", "expected")
    return table(title, columns, rows, right=columns[1:])


def _show_suggestion(out: Console, made: Data, suggested: Path | None) -> None:
    if made["refused"]:
        out.print(Text(f"No weights are suggested: {made['refused']}", style="yellow"))
        return
    rows = [
        (name, f"{one['weight']:g}", ", ".join(f"{metric} {share:g}" for metric, share in one["metrics"].items()))
        for name, one in made["weights"].items()
    ]
    columns = ("component", "weight", "metrics")
    out.print(table("Suggested weights", columns, rows, right=("weight",), wrap=("metrics",)))
    if made["dropped"]:
        out.print(Text(f"Without weight: {', '.join(made['dropped'])}."))
    # The path of a framework has to contain a slash, or it is taken for the name of a shipped one.
    named = inert(suggested) if "/" in str(suggested) else f"./{inert(suggested)}"
    out.print(
        Text(
            f"{_gain(made)} Written to {named}, which nothing uses by itself; `keepwell simulate --framework {named}` "
            "shows what it would change."
        )
    )


def _gain(made: Data) -> str:
    return (
        f"On {made['checked_on']} later scores: AUC {made['auc_suggested']:.3f} with these weights, "
        f"{made['auc_now']:.3f} with those in force."
    )
