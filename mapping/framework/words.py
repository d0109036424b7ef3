"""Conditions and values of a framework in plain words, where they have any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from mapping.framework.tree import Node, conjuncts
from mapping.values import plain

_ENDING = re.compile(r"_(at|on|date|as_of|until)$")
_COUNT = re.compile(r"days_(since|until)_(.+)")
_SPAN = re.compile(r"(-?)(\d+)(d|w|mo|q|y|h|m|s)")
_UNITS = {
    "d": "day",
    "w": "week",
    "mo": "month",
    "q": "quarter",
    "y": "year",
    "h": "hour",
    "m": "minute",
    "s": "second",
}
_SIZES = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "=": "exactly"}
_ORDERS = {">=": "on or after", ">": "after", "<=": "on or before", "<": "before", "=": "on"}
_CONTRARY = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ARITHMETIC = {"+": "+", "-": "−", "*": "×", "/": "÷"}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
EVERYTHING_ELSE = "everything else"
"""What a condition says that always holds."""
_CHOSEN = {"coalesce": ", else ", "least": " or ", "greatest": " or "}


@dataclass(frozen=True, slots=True)
class Words:
    """What a framework calls things.

    `values` has the labels of a column's values, `dates` the columns with days, `parameters` what stands for numbers.
    """

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()
    parameters: Mapping[str, object] = field(default_factory=dict)

    def say(self, node: Node) -> str | None:
        """`node` in plain words, None where a part of it has none; an "or" inside of an "and" stands in brackets."""
        if node == Node("constant", value=True):
            return EVERYTHING_ELSE
        words = {
            "and": self._all, "or": self._any, "not": lambda one: self._negated(one.parts[0]), "in": self._listed,
            "is null": self._empty, "is not null": self._empty, "column": lambda one: f"{named(one.value)} holds",
            **dict.fromkeys((*_SIZES, "<>"), self._compared),
        }  # fmt: skip
        return words[node.op](node) if node.op in words else None

    def value(self, node: Node) -> str | None:
        """A value in plain words."""
        if node.op == "column":
            return _constant(self.parameters[node.value]) if node.value in self.parameters else named(node.value)
        if node.op == "constant":
            return _constant(node.value)
        parts = [self.value(part) for part in node.parts]
        if node.op == "shift":
            return _moved(node.value, parts[0])
        if node.op in _ARITHMETIC:
            apart = [said and f"({said})" if part.parts else said for part, said in zip(node.parts, parts, strict=True)]
            return self._joined(apart, f" {_ARITHMETIC[node.op]} ")
        if node.op in ("lower", "upper"):  # whoever compares so does not mind the case
            return parts[0]
        return self._chosen(node, parts) if node.op in _CHOSEN else None

    def label(self, column: str, value: object) -> object:
        """What a value of a column is called; the value itself where its column has no names for its values."""
        if column not in self.values or not isinstance(value, str):
            return value
        return self.values[column].get(value) or unlabelled(value)

    def _chosen(self, node: Node, parts: Sequence[str | None]) -> str | None:
        words = {"least": ("the smaller of ", "the earlier of "), "greatest": ("the larger of ", "the later of ")}
        word = words.get(node.op, ("", ""))[any(map(self._dated, node.parts))]
        return self._joined(parts, _CHOSEN[node.op], word + "{}")

    def _all(self, node: Node) -> str | None:
        return self._joined([self._inside(part) for part in self._ranges(conjuncts(node))], " and ")

    def _any(self, node: Node) -> str | None:
        return self._joined([self.say(part) for part in node.parts], " or ")

    def _listed(self, node: Node) -> str | None:
        return self._one_of(node, "is {} or {}", "is {}")

    def _empty(self, node: Node) -> str | None:
        said = self.value(node.parts[0])
        return said and f"{said} is {'not known' if node.op == 'is null' else 'known'}"

    def _inside(self, node: Node | str) -> str | None:
        if isinstance(node, str):
            return node
        said = self.say(node)
        return f"({said})" if said and node.op == "or" else said

    def _ranges(self, parts: Sequence[Node]) -> list[Node | str]:
        """`BETWEEN` is two comparisons side by side; they become one again."""
        found: list[Node | str] = []
        rest = list(parts)
        while rest:
            low, high = rest[0], rest[1] if len(rest) > 1 else None
            pair = high is not None and (low.op, high.op) == (">=", "<=") and low.parts[0] == high.parts[0]
            said = self._between(low, high) if pair and high is not None else None
            found.append(said or low)
            rest = rest[2 if said else 1 :]
        return found

    def _between(self, low: Node, high: Node) -> str | None:
        ends = [self.value(one.parts[1]) for one in (low, high)]
        subject = low.parts[0]
        if subject.op == "column" and (count := _COUNT.fullmatch(str(subject.value))):
            return self._joined([*ends], " to ", f"{{}} days {count[1]} {named(count[2])}")
        said = self.value(subject)
        return said and self._joined([*ends], " to ", f"{said} is {{}}")

    def _compared(self, node: Node) -> str | None:
        left, right = node.parts
        if left.op == "constant" and node.op in _FLIPPED:
            return self._compared(Node(_FLIPPED[node.op], (right, left)))
        one, other = self.value(left), self._labelled(left, right)
        if one is None or other is None:
            return None
        count = _COUNT.fullmatch(str(left.value)) if left.op == "column" else None
        if count and (node.op, count[1], other) == (">=", "since", "0"):
            return f"{named(count[2])} is on or before today"
        if count and node.op in _SIZES:
            return f"{_SIZES[node.op]} {other} days {count[1]} {named(count[2])}"
        if node.op in ("=", "<>") and right.op == "constant":
            return f"{one} is {'not ' if node.op == '<>' else ''}{other}"
        words = _ORDERS if self._dated(left) or self._dated(right) else _SIZES
        return f"{one} is {words[node.op]} {other}" if node.op in words else f"{one} is not {other}"

    def _negated(self, node: Node) -> str | None:
        if node.op == "in":
            return self._one_of(node, "is neither {} nor {}", "is not {}")
        if node.op in _CONTRARY:
            return self._compared(Node(_CONTRARY[node.op], node.parts))
        return f"{named(node.value)} does not hold" if node.op == "column" else None

    def _one_of(self, node: Node, several: str, single: str) -> str | None:
        said = self.value(node.parts[0])
        listed = [self._labelled(node.parts[0], Node("constant", value=one)) for one in node.value]
        texts = [one for one in listed if one is not None]
        if said is None or len(texts) < len(listed):
            return None
        word = several if len(texts) > 1 else single
        return f"{said} {word.format(*([', '.join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts))}"

    def _labelled(self, column: Node, value: Node) -> str | None:
        labels = self.values.get(str(column.value), {}) if column.op == "column" else {}
        if value.op == "constant" and isinstance(value.value, str):
            return labels.get(value.value) or unlabelled(value.value)
        return self.value(value)

    def _dated(self, node: Node) -> bool:
        return node.op == "shift" or any(name in self.dates for name in node.columns)

    @staticmethod
    def _joined(parts: Sequence[str | None], between: str, pattern: str = "{}") -> str | None:
        there = [part for part in parts if part is not None]
        return pattern.replace("{}", between.join(there)) if len(there) == len(parts) else None


def unlabelled(name: str) -> str:
    """An id that has no label, as a person reads it."""
    return name.replace("_", " ")


def named(column: str) -> str:
    """A column as a person calls it: `go_live_at` is "go live"."""
    return unlabelled(_ENDING.sub("", column))


def subject(column: str) -> str:
    """What a column is about: `days_since_go_live` is about "go live"."""
    count = _COUNT.fullmatch(column)
    return named(count[2] if count else column)


def span(text: str) -> str:
    """`3mo` as "3 months"; seconds, in which Polars counts hours and minutes, as whole ones of these."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return text
    number, unit = int(found[2]), found[3]
    for larger, size in (("h", 3600), ("m", 60)):
        if unit == "s" and number % size == 0:
            number, unit = number // size, larger
    return f"{number} {_UNITS[unit]}{'' if number == 1 else 's'}"


def _moved(text: str, day: str | None) -> str | None:
    return day and f"{span(text)} {'before' if text.startswith('-') else 'after'} {day}"


def _constant(value: object) -> str | None:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false"}.get(bool(value)) if value is not None else "nothing"
    if isinstance(value, (int, float, Decimal)):
        return plain(Decimal(str(value)))
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, str) else None
