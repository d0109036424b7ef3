"""Spans that stand in a number of the framework and again in its conditions, and are not the same there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from mapping.framework import Framework
from mapping.framework.columns import counted_as
from mapping.framework.errors import Path
from mapping.framework.tree import COMPARISONS, Node, tree
from mapping.lint.findings import Finding

_ADVICE = "Say the same number in both places."


def window_findings(framework: Framework) -> Iterator[Finding]:
    """The renewal window, and how long figures count, where conditions name other days alone."""
    compared, renewal = _compared(framework), framework.spec.renewal
    yield from _differs(("renewal", "window_days"), renewal.window_days, "days_to_end", compared)
    for c, component in enumerate(framework.spec.score.components):
        for m, metric in enumerate(component.metrics):
            if metric.fresh is not None:
                path: Path = ("score", "components", c, "metrics", m, "fresh", "days")
                yield from _differs(path, metric.fresh.days, counted_as(metric.fresh.column)[0], compared)


def _differs(path: Path, days: int, column: str, compared: Mapping[str, set[float]]) -> Iterator[Finding]:
    # Whoever asks for the first day after a span names one more.
    if (said := compared.get(column)) and said.isdisjoint((days, days + 1)):
        listed = ", ".join(f"{one:g}" for one in sorted(said))
        why = f"conditions compare {column} with {listed}, and not with the {days} days that it is here."
        yield Finding("window_differs", path, why, _ADVICE)


def _compared(framework: Framework) -> dict[str, set[float]]:
    """Column → the positive numbers with which conditions compare it, parameters as what they stand for."""
    found: dict[str, set[float]] = defaultdict(set)
    for path, checked in framework.expressions.items():
        if path[0] != "kpis":
            for node in tree(checked.expr).walk():
                if node.op in COMPARISONS and len(node.parts) == 2:
                    _note(node, framework, found)
    return found


def _note(node: Node, framework: Framework, found: dict[str, set[float]]) -> None:
    for one, other in (node.parts, node.parts[::-1]):
        value = framework.spec.parameters.get(str(other.value)) if other.op == "column" else other.value
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        if one.op == "column" and other.op in ("column", "constant") and number:
            found[one.value].add(float(str(value)))
