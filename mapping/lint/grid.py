"""Synthetic accounts for a list of conditions: every combination of the values on both sides of each constant.

A number has the constants of the conditions, their neighbours and what lies between them; a date has today, the days
so many days or spans away from it, and their neighbours; a text has every value that it can hold; each is also empty,
where it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import prod

import polars as pl

from mapping.frames import AsOf
from mapping.framework import Framework, columns
from mapping.framework.expressions import Checked
from mapping.framework.tree import COMPARISONS, Node, tree
from mapping.lint.ranges import fact_range
from mapping.lint.vocabulary import can_hold, vocabulary
from mapping.table import Table, padded, unpadded

MOST_ROWS = 400_000
"""A grid that would be larger is not made; what it would decide is reported as not decided."""
AT = AsOf(datetime(2026, 6, 15, 12, tzinfo=UTC))
NEVER_EMPTY = frozenset(
    {
        "health_band", "renewal_status", "renewal_deal_open", "renewal_deal_won", "auto_renews", "override_incomplete",
        "lifecycle_stage", "touch_overdue", "band_fell", *columns.CLOCK,
    }
)  # fmt: skip
"""Columns that the evaluation always fills; parameters, overlays and segments are the others."""
_FAR_DAYS = 20_000
"""A larger number is no count of days."""
_CALCULATED = frozenset({"+", "-", "*", "/"})
_ORDERED = frozenset({"<", "<=", ">", ">="})
_ELSE = "·else"
"""Stands for every text that no condition names."""


class TooLarge(Exception):
    """The conditions name too much for every combination to be tried, or what has no values to try it with."""


@dataclass(frozen=True, slots=True)
class Constants:
    """What the conditions compare with: numbers, texts, spans such as "-24mo", days.

    `chained` says that a moved date is compared with another date of the account: where one of the two is a constant,
    the other one matters at a span from there.
    """

    numbers: tuple[float, ...]
    texts: tuple[str, ...]
    spans: tuple[str, ...]
    days: tuple[date, ...]
    chained: bool = False


class Grid:
    """Makes the accounts for conditions of one framework."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._types = framework.columns
        self._counts = columns.day_counts(self._types)
        self._words = vocabulary(framework)
        self._trees: dict[str, Node] = {}
        spec = framework.spec
        self._full = NEVER_EMPTY | {item.id for item in spec.overlays} | {item.dimension for item in spec.segments}
        for name, fact in spec.facts.items():
            value = framework.at("facts", name, "value")
            node = tree(value.expr)
            if fact.from_ is None and _computable(node, value.dtype):
                self._trees[name] = node

    def accounts(self, conditions: Sequence[Checked]) -> pl.DataFrame:
        """One row a combination, with every column that `conditions` name; raises `TooLarge`.

        Facts are computed from what they name. Where that gives too many combinations, each fact by itself has every
        value that it can take, whatever the others have: more is possible then than in any portfolio, never less.
        """
        named = {name for checked in conditions for name in checked.inputs}
        nodes = [tree(checked.expr) for checked in conditions]
        constants = self._constants([*nodes, *(self._trees[name] for name in self._facts(named))])
        try:
            frame = self._combined(self._leaves(named), constants)
        except TooLarge:
            frame = self._combined(named, constants, apart=True)
        return self._computed(frame, conditions)

    def _combined(self, named: Iterable[str], constants: Constants, *, apart: bool = False) -> pl.DataFrame:
        bases = {self._counts[name][0] if name in self._counts else name for name in named} - set(columns.CLOCK)
        values = {}
        for name in (name for name in self._types if name in bases):
            whole = apart and name in self._trees
            values[name] = self._outcomes(name, constants) if whole else self._values(name, constants)
        if prod(one.len() for one in values.values()) > MOST_ROWS:
            raise TooLarge
        frame = pl.DataFrame({"account_id": ["synthetic"]})
        for name, one in values.items():
            frame = frame.join(one.alias(name).to_frame(), how="cross", maintain_order="left_right")
        return frame

    def _computed(self, frame: pl.DataFrame, conditions: Sequence[Checked]) -> pl.DataFrame:
        """`frame` with the facts and day counts that the conditions name."""
        table = Table(padded(frame), AT)
        wanted = self._facts({name for checked in conditions for name in checked.inputs})
        for name in self._trees:  # in file order, as they are computed
            if name in wanted and name not in table.frame.columns:
                table.compute({name: self._framework.at("facts", name, "value")})
        table.prepare(conditions)
        return unpadded(table.frame)

    def _outcomes(self, name: str, constants: Constants) -> pl.Series:
        """Every value that a fact can take."""
        value = self._framework.at("facts", name, "value")
        frame = self._computed(self._combined(self._leaves(value.inputs), constants), [value])
        return frame.select(value.expr.alias(name)).to_series().unique().sort()

    def _facts(self, named: Iterable[str]) -> set[str]:
        """Facts behind the names that can be computed from other columns."""
        found: set[str] = set()
        waiting = list(named)
        while waiting:
            name = self._base(waiting.pop())
            if name in self._trees and name not in found:
                found.add(name)
                waiting += self._framework.at("facts", name, "value").inputs
        return found

    def _leaves(self, named: Iterable[str]) -> set[str]:
        """The columns behind the names that are no such facts."""
        facts = self._facts(named)
        inputs = {one for name in facts for one in self._framework.at("facts", name, "value").inputs}
        return {self._base(name) for name in {*named, *inputs}} - facts

    def _base(self, name: str) -> str:
        return self._counts[name][0] if name in self._counts else name

    def _constants(self, nodes: Iterable[Node]) -> Constants:
        found = [part for node in nodes for part in node.walk()]
        plain = [one for part in found for one in _plain(part)]
        parameters = self._framework.spec.parameters
        plain += [parameters[part.value] for part in found if part.op == "column" and part.value in parameters]
        numbers = {float(one) for one in plain if isinstance(one, (int, float, Decimal)) and not isinstance(one, bool)}
        return Constants(
            tuple(sorted(numbers)),
            tuple(sorted({one for one in plain if isinstance(one, str)})),
            tuple(sorted({part.value for part in found if part.op == "shift"})),
            tuple(sorted({one.date() if isinstance(one, datetime) else one for one in plain if isinstance(one, date)})),
            chained=any(map(_chains, found)),
        )

    def _values(self, name: str, constants: Constants) -> pl.Series:
        """What one column is tried with; raises `TooLarge` for a type that has no such values."""
        dtype, parameters = self._types[name], self._framework.spec.parameters
        if name in parameters:
            return pl.Series([parameters[name]], dtype=dtype)
        tried: Sequence[object]
        if dtype == pl.Boolean:
            tried = [True, False]
        elif dtype == pl.String:
            tried = self._texts(name, constants)
        elif dtype.is_numeric():
            tried = _numbers(constants.numbers, fact_range(self._framework, name), whole=dtype.is_integer())
        elif dtype == pl.Date:
            tried = _days(constants)
        elif dtype == pl.Datetime:
            tried = _instants(constants)
        else:
            raise TooLarge
        empty = [] if name in self._full else [None]
        return pl.Series([*tried, *empty], dtype=pl.Float64() if dtype.is_numeric() else dtype).cast(dtype)

    def _texts(self, name: str, constants: Constants) -> tuple[str, ...]:
        if name not in self._words:
            return (*constants.texts, _ELSE)
        words = self._words[name]
        return (*words, *(text for text in constants.texts if text not in words and can_hold(name, text, words)))


def decided(node: Node) -> bool:
    """Whether trying values on both sides of the constants says everything about an expression.

    Not where a part has no meaning here; nor where values of columns are calculated with, because what decides is then
    no constant of the expression; nor where texts are put in order, because there is always another one between two;
    nor where the clock is compared with nothing of the account, because that depends on the day on which it is asked.
    """
    parts = tuple(node.walk())
    compared = [part for part in parts if part.op in COMPARISONS]
    timeless = all(set(part.columns) - set(columns.CLOCK) or not part.columns for part in compared)
    sorted_texts = any(
        part.op in _ORDERED and any(one.op == "constant" and isinstance(one.value, str) for one in part.parts)
        for part in parts
    )
    plain = not any(part.op in _CALCULATED and any(map(_varies, part.parts)) for part in parts)
    once = not any(inner.op == "shift" for part in parts if part.op == "shift" for inner in part.parts[0].walk())
    return node.clear and timeless and plain and once and not sorted_texts


def _varies(node: Node) -> bool:
    """Whether a value is that of a column, not one of some constants that a `CASE` chooses among."""
    if node.op == "case":
        return any(map(_varies, node.parts[1:]))
    return node.op in ("column", "count") or any(map(_varies, node.parts))


def _computable(node: Node, dtype: pl.DataType) -> bool:
    """Whether a fact can be computed from what it names instead of being tried with values of its own.

    A date that is moved cannot: what is asked of it later, so many days since or another span, is asked of a day that
    none of the constants names.
    """
    moved = any(part.op == "shift" for part in node.walk())
    return decided(node) and (dtype == pl.Boolean or not moved)


def _plain(part: Node) -> tuple[object, ...]:
    if part.op == "in":
        return tuple(part.value)
    return (part.value,) if part.op == "constant" else ()


def _numbers(constants: Sequence[float], limits: tuple[float, float], *, whole: bool) -> list[float]:
    known = sorted({*constants, 0.0, 1.0})
    found = {one + step for one in known for step in (-1.0, 0.0, 1.0)}
    found |= {(left + right) / 2 for left, right in pairwise(known)}
    found = {float(round(one)) for one in found} if whole else found
    return sorted(one for one in found if limits[0] <= one <= limits[1])


def _days(constants: Constants) -> list[date]:
    away = {int(sign * one) for one in constants.numbers for sign in (-1, 1) if abs(one) < _FAR_DAYS}
    moments = [AT.date + timedelta(days=one) for one in sorted(away)] + [_moved(span) for span in constants.spans]
    known = {AT.date, *moments, *constants.days}
    if constants.chained:
        known |= {_moved(span, one) for span in constants.spans for one in known}
        known |= {_moved(_back(span), one) for span in constants.spans for one in known}
    return sorted({one + timedelta(days=step) for one in known for step in (-1, 0, 1)})


def _chains(node: Node) -> bool:
    """Whether a comparison is one of a moved date of the account with another of its dates."""
    moves = node.op in COMPARISONS and any(part.op == "shift" for part in node.walk())
    return moves and len(set(node.columns) - set(columns.CLOCK)) > 1


def _instants(constants: Constants) -> list[datetime]:
    at = AT.utc
    spans = [datetime.combine(_moved(span), at.time(), UTC) for span in constants.spans]
    hours = [at + timedelta(hours=sign * one) for one in _hours(constants.spans) for sign in (-1, 1)]
    away = [int(one) for one in constants.numbers if abs(one) < _FAR_DAYS]
    days = [at + timedelta(days=sign * one) for one in away for sign in (-1, 1)]
    dated = [datetime.combine(one, at.time(), UTC) for one in constants.days]
    known = {at, *spans, *hours, *days, *dated}
    return sorted({one + timedelta(hours=step) for one in known for step in (-1, 0, 1)})


def _hours(spans: Iterable[str]) -> list[int]:
    return [int(span.removesuffix("h")) for span in spans if span.endswith("h") and span[:-1].lstrip("-").isdecimal()]


def _moved(span: str, day: date = AT.date) -> date:
    """The day that lies so far on the other side of `day` that the span leads back to it."""
    try:
        at = datetime.combine(day, AT.utc.time(), UTC)
        moved: date = pl.select(pl.lit(at).dt.offset_by(_back(span)).dt.date()).item()
    except ValueError:
        raise TooLarge from None
    return moved


def _back(span: str) -> str:
    return span.removeprefix("-") if span.startswith("-") else f"-{span}"
