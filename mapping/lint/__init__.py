"""Checks of a framework's sense: what loads, but cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.lint.findings import Finding
from mapping.lint.lists import alert_findings, list_findings
from mapping.lint.reach import Reach
from mapping.lint.scores import score_findings
from mapping.lint.unused import unused
from mapping.lint.vocabulary import unknown_texts
from mapping.lint.windows import window_findings

__all__ = ["CHECKS", "UNUSED", "Finding", "Linted", "lint"]

CHECKS = (
    "unknown_value", "never_holds", "unreachable", "unreachable_band", "curve_never_100", "curve_never_0",
    "irrelevant_metric", "window_differs", "unused_parameter", "unused_milestone", "unused_fact",
    "alert_without_owner", "label_twice", "label_too_long", "too_many_options", "category_twice",
)  # fmt: skip
"""Every check by its name; docs/frameworks/lint.md says what each finds."""

UNUSED = ("unused_parameter", "unused_milestone", "unused_fact")
"""Checks that only concern what a file says itself: what it takes from another one may stay unused."""


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found, and the conditions about which the checks of reach can say nothing."""

    findings: tuple[Finding, ...]
    undecided: tuple[Path, ...]


def lint(framework: Framework) -> Linted:
    """Everything in `framework` that loads but cannot be meant."""
    reach = Reach(framework)
    found = (
        *unknown_texts(framework),
        *reach.findings(),
        *score_findings(framework),
        *window_findings(framework),
        *unused(framework),
        *list_findings(framework),
        *alert_findings(framework),
    )
    return Linted(found, tuple(reach.undecided))
