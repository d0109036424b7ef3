"""The command that holds the scores of the past against the customers that left afterwards.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path
from typing import Any

from dashboard import options as opt
from dashboard import run_options as run_opt
from dashboard.answers import Answer
from verbs.base import app, run_deps, verb


@verb(app, options=(run_opt.looked_at,), example="keepwell backtest --horizon 90d --suggest ./suggested.yaml")
def backtest(config: Path, options: dict[str, Any], suggest: opt.Suggest = None) -> Answer:
    """Compare past scores with the customers that left.

    Works from the store alone: asks no CRM, changes no score. With --suggest it also writes a framework with fitted
    weights, which nobody applies by itself; it exits with 1 where it cannot fit any.
    """
    from config.suggested import write_suggestion
    from dashboard.backtested import notes, show_backtest
    from sync.backtest import BacktestOptions
    from sync.backtest import backtest as compare

    with run_deps(config, create=False) as deps:
        data = compare(deps, BacktestOptions(**options), suggesting=suggest is not None)
        made = data["suggestion"]
        if suggest is not None and not made["refused"]:
            write_suggestion(suggest, deps.settings.framework, made["weights"], notes(data))
    refused = made is not None and made["refused"]
    return Answer(data, lambda out: show_backtest(out, data, suggest), 1 if refused else 0)
