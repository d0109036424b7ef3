"""An expression as a tree of plain words, read from what Polars made of its SQL."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">=", "in"})
_BINARY = {
    "Eq": "=", "NotEq": "<>", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">=", "And": "and", "Or": "or",
    "Plus": "+", "Minus": "-", "Multiply": "*", "Mul": "*", "Divide": "/", "TrueDivide": "/", "Div": "/",
}  # fmt: skip
_FUNCTIONS = {
    "Coalesce": "coalesce", "MinHorizontal": "least", "MaxHorizontal": "greatest", "Not": "not", "IsNull": "is null",
    "IsNotNull": "is not null", "Lowercase": "lower", "Uppercase": "upper",
}  # fmt: skip
_COUNTS = ("Count", "NUnique")


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression.

    `op` is `column` and `constant` (with their `value`), a comparison, `and`, `or`, `not`, `is null`, `is not null`,
    `coalesce`, `least`, `greatest`, `lower`, `upper`, `case` (condition, then, else), `+`, `-`, `*`, `/`, `shift` (a
    date moved by the span in `value`, for instance "-1mo"), `in` (with a tuple of constants in `value`), `count`, or
    `other` for whatever has none of these words. `parts` are the expressions inside.
    """

    op: str
    parts: tuple[Node, ...] = ()
    value: Any = None

    def walk(self) -> Iterator[Node]:
        """This part and everything inside, the outer before the inner."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are named, each once."""
        return tuple(dict.fromkeys(node.value for node in self.walk() if node.op == "column"))

    @property
    def clear(self) -> bool:
        """Whether every part has a word of its own."""
        return all(node.op != "other" for node in self.walk())


def tree(expr: pl.Expr) -> Node:
    """The tree of `expr`; what Polars may call otherwise in another version is `other`, never a guess."""
    return _node(json.loads(expr.meta.serialize(format="json")))


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The conditions that all have to hold for `node` to hold."""
    if node.op != "and":
        return (node,)
    return tuple(part for side in node.parts for part in conjuncts(side))


def conditions(expr: pl.Expr) -> list[pl.Expr]:
    """The conditions that all have to hold for `expr` to hold, each to be evaluated by itself."""
    parts = _sides(json.loads(expr.meta.serialize(format="json")))
    return [pl.Expr.deserialize(io.StringIO(json.dumps(part)), format="json") for part in parts]


def _sides(raw: Any) -> Iterator[Any]:
    body = raw.get("BinaryExpr") if isinstance(raw, dict) else None
    if body is not None and body["op"] == "And":
        yield from _sides(body["left"])
        yield from _sides(body["right"])
    else:
        yield raw


def _node(raw: Any) -> Node:
    if not isinstance(raw, dict) or len(raw) != 1:
        return Node("count") if raw == "Len" else Node("other")
    ((kind, body),) = raw.items()
    read = _KINDS.get(kind)
    return read(body) if read is not None else Node("other", tuple(_inside(body)))


def _column(body: Any) -> Node:
    return Node("column", value=body)


def _cast(body: Any) -> Node:
    return _node(body["expr"])


def _binary(body: Any) -> Node:
    return Node(_BINARY.get(str(body["op"]), "other"), (_node(body["left"]), _node(body["right"])))


def _ternary(body: Any) -> Node:
    return Node("case", tuple(_node(body[name]) for name in ("predicate", "truthy", "falsy")))


def _aggregate(body: Any) -> Node:
    counts = isinstance(body, dict) and next(iter(body), "") in _COUNTS
    return Node("count" if counts else "other", tuple(_inside(body)))


def _function(body: Any) -> Node:
    parts, named = tuple(_node(part) for part in body["input"]), body["function"]
    family, name = next(iter(named.items())) if isinstance(named, dict) else ("", named)
    if family == "Sql" and isinstance(name, dict):
        if "IsIn" in name and len(parts) == 2 and parts[1].op == "constant":
            return Node("in", parts[:1], _listed(parts[1].value))
        return Node(_BINARY.get(str(name.get("Binary")), "other"), parts)
    if name == "OffsetBy" and len(parts) == 2 and isinstance(parts[1].value, str):
        return Node("shift", parts[:1], parts[1].value)
    return Node(_FUNCTIONS.get(str(name), "other"), parts)


def _constant(body: Any) -> Node:
    try:
        written = io.StringIO(json.dumps({"Literal": body}))
        value = pl.select(pl.Expr.deserialize(written, format="json")).to_series()
    except (PolarsError, ValueError):
        return Node("other")
    return Node("constant", value=value.to_list()[0] if value.len() == 1 else tuple(value.to_list()))


def _listed(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _inside(raw: Any) -> Iterator[Node]:
    """The expressions somewhere inside of something that has no word here."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            if key == "Column":
                yield Node("column", value=value)
            else:
                yield from _inside(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _inside(value)


_KINDS: dict[str, Callable[[Any], Node]] = {
    "Column": _column, "Literal": _constant, "Cast": _cast, "BinaryExpr": _binary, "Ternary": _ternary,
    "Function": _function, "Agg": _aggregate,
}  # fmt: skip
