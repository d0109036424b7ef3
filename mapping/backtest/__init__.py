"""Backtest: what the scores of the past said about the customers that left afterwards."""

from mapping.backtest.figures import Auc, Calibration, TopShare, auc, calibration, rate, top_share
from mapping.backtest.fit import Fit, logistic
from mapping.backtest.observations import DEPARTURES, PAST, Observed, Split, days_between, observe, split
from mapping.backtest.suggest import LEAST_EVENTS, Suggestion, suggest

__all__ = [
    "DEPARTURES",
    "LEAST_EVENTS",
    "PAST",
    "Auc",
    "Calibration",
    "Fit",
    "Observed",
    "Split",
    "Suggestion",
    "TopShare",
    "auc",
    "calibration",
    "days_between",
    "logistic",
    "observe",
    "rate",
    "split",
    "suggest",
    "top_share",
]
