"""How large the value of an expression can be, by plain interval arithmetic; never too narrow."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf, isnan

from mapping.framework import Framework
from mapping.framework.tree import Node, tree

Range = tuple[float, float]
ANYTHING: Range = (-inf, inf)
_COUNTED: Range = (0.0, inf)


def value_range(framework: Framework, node: Node) -> Range:
    """Lowest and highest value of a number, as far as its constants and counts say."""
    return _range(node, _columns(framework))


def fact_range(framework: Framework, name: str) -> Range:
    """The same of a fact."""
    return _columns(framework).get(name, ANYTHING)


def _columns(framework: Framework) -> dict[str, Range]:
    spec = framework.spec
    known: dict[str, Range] = {"health_score": (0.0, 100.0), "health_coverage": (0.0, 100.0)}
    known |= {
        name: (float(value), float(value))
        for name, value in spec.parameters.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }  # fmt: skip
    for name in spec.facts:
        known[name] = _range(tree(framework.at("facts", name, "value").expr), known)
    return known


def _range(node: Node, known: Mapping[str, Range]) -> Range:
    leaves = {"column": known.get(str(node.value), ANYTHING), "constant": _constant(node.value), "count": _COUNTED}
    if node.op in leaves:
        return leaves[node.op]
    parts = [_range(part, known) for part in (node.parts[1:] if node.op == "case" else node.parts)]
    if node.op in ("case", "coalesce", "least", "greatest"):
        there = [one for one in parts if one[0] <= one[1]]
        return (min(one[0] for one in there), max(one[1] for one in there)) if there else ANYTHING
    return _computed(node.op, *parts) if node.op in ("+", "-", "*", "/") else ANYTHING


def _computed(op: str, one: Range, other: Range) -> Range:
    """A quotient only says its sign, because what it is divided by may come near to zero."""
    if one[0] > one[1] or other[0] > other[1]:
        return ANYTHING
    if op == "/":
        return _COUNTED if one[0] >= 0 and other[0] >= 0 else ANYTHING
    if op == "*":
        ends = [a * b for a in one for b in other]
        return ANYTHING if any(isnan(end) for end in ends) else (min(ends), max(ends))
    return (one[0] + other[0], one[1] + other[1]) if op == "+" else (one[0] - other[1], one[1] - other[0])


def _constant(value: object) -> Range:
    """An empty range for null: it is no value at all."""
    if value is None:
        return (inf, -inf)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return (float(value), float(value))
    return ANYTHING
