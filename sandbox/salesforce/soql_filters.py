"""Turns a WHERE condition into a function of a row, and into bounds on SystemModstamp that an index can use."""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sandbox.salesforce.fields import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, Value
from sandbox.salesforce.ids import canonical_id
from sandbox.salesforce.moments import parse_date, parse_instant, stamp
from sandbox.salesforce.soql_ast import Call, Comparison, Condition, Literal, Logical, Not, Path, Query
from sandbox.salesforce.soql_columns import Column, Columns, Getter
from sandbox.salesforce.soql_dates import resolve
from sandbox.salesforce.table import Row

Predicate = Callable[[Row], bool]
Bounds = tuple[str | None, str | None]
Subquery = Callable[[Query], frozenset[Value]]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {"<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}
_ACCEPTED_KINDS = {
    "boolean": {"boolean"},
    "date": {"date", "relative"},
    "datetime": {"datetime", "relative"},
}
_VENDOR_NAMES = {"datetime": "dateTime", "id": "id", "reference": "id"}


class Filters:
    """Compiles the conditions of one query at one instant.

    `reach` finds what a condition names; HAVING has another way to do that, whose rows are groups.
    """

    def __init__(
        self, columns: Columns, now: datetime, subquery: Subquery, reach: Callable[[Path | Call], Column] | None = None
    ) -> None:
        self._columns = columns
        self._reach = reach or columns.reach
        self._today = now.astimezone(UTC).date()
        self._subquery = subquery

    def compile(self, condition: Condition) -> Predicate:
        """Return the test of one row; raises ApiError for unknown fields and literals of the wrong type."""
        if isinstance(condition, Not):
            inner = self.compile(condition.term)
            return lambda row: not inner(row)
        if isinstance(condition, Logical):
            return _join(condition.word, [self.compile(term) for term in condition.terms])
        return self._comparison(condition)

    def _comparison(self, test: Comparison) -> Predicate:
        column = self._reach(test.path)
        if not column.field.filterable:
            message = f"field '{column.field.name}' can not be filtered in a query call"
            raise self._columns.error(test.path.at, message)
        if isinstance(test.operand, Query):
            return _membership(column, test.operator, self._subquery(test.operand))
        if isinstance(test.operand, tuple):
            return self._list_test(column, test.operator, test.operand)
        return self._single_test(column, test, test.operand)

    def _single_test(self, column: Column, test: Comparison, literal: Literal) -> Predicate:
        self._check_operator(column.field, test)
        self._check_kind(column.field, literal)
        if test.operator == "LIKE":
            return _like(column.get, literal)
        if literal.kind == "null":
            return self._null_test(column, test)
        if literal.kind == "relative":
            return self._range_test(column, test.operator, literal)
        wanted = self._stored(column.field, literal)
        fold = column.field.type in TEXT_TYPES
        return _compare(column.get, test.operator, _fold(wanted) if fold else wanted, fold)

    def _null_test(self, column: Column, test: Comparison) -> Predicate:
        get = column.get
        if test.operator == "=":
            return lambda row: get(row) is None
        if test.operator == "!=":
            return lambda row: get(row) is not None
        return lambda _: False

    def _check_operator(self, target: Field, test: Comparison) -> None:
        unordered = {"boolean", "multipicklist"}
        if test.operator in _ORDERINGS and target.type in unordered:
            raise self._columns.error(
                test.path.at, f"invalid operator on {target.type} field", "INVALID_QUERY_FILTER_OPERATOR"
            )
        if test.operator == "LIKE" and target.type not in TEXT_TYPES:
            name = _VENDOR_NAMES.get(target.type, target.type)
            raise self._columns.error(
                test.path.at, f"invalid operator on {name} field", "INVALID_QUERY_FILTER_OPERATOR"
            )

    def _check_kind(self, target: Field, literal: Literal) -> None:
        if literal.kind == "null":
            return
        if target.type in TEXT_TYPES or target.type in ID_TYPES:
            accepted, advice = {"string"}, "should be enclosed in quotes"
        elif target.type in NUMBER_TYPES:
            accepted, advice = {"number"}, "should not be enclosed in quotes"
        else:
            accepted, advice = _ACCEPTED_KINDS.get(target.type, set()), "should not be enclosed in quotes"
        if literal.kind not in accepted:
            kind = _VENDOR_NAMES.get(target.type, target.type if target.type not in TEXT_TYPES else "string")
            message = f"value of filter criterion for field '{target.name}' must be of type {kind} and {advice}"
            raise self._columns.error(literal.at, message)

    def _stored(self, target: Field, literal: Literal) -> Value:
        """Return the literal in the form in which the field stores values."""
        if literal.kind in {"date", "datetime"}:
            parsed = (parse_date if literal.kind == "date" else parse_instant)(str(literal.value))
            if parsed is None:
                raise self._columns.error(
                    literal.at, f"line 1: invalid {literal.kind}: {literal.value}", "MALFORMED_QUERY"
                )
            return parsed
        if target.type in ID_TYPES:
            full = canonical_id(literal.value)
            # The keyset idiom `Id > ''` compares with the empty id, which sorts before every id.
            if full is None and literal.value != "":
                raise self._columns.error(
                    literal.at, f"invalid ID field: {literal.value}", "INVALID_QUERY_FILTER_OPERATOR"
                )
            return full or ""
        return literal.value

    def _range_test(self, column: Column, operator: str, literal: Literal) -> Predicate:
        try:
            first, after = resolve(str(literal.value), self._today)
        except (ValueError, OverflowError):
            raise self._columns.error(literal.at, f"date out of range: {literal.value}", "MALFORMED_QUERY") from None
        low, high = (_edge(day, column.field.type) for day in (first, after))
        get = column.get
        tests: dict[str, Predicate] = {
            "=": lambda row: (value := get(row)) is not None and low <= str(value) < high,
            "!=": lambda row: (value := get(row)) is None or not low <= str(value) < high,
            "<": lambda row: (value := get(row)) is not None and str(value) < low,
            "<=": lambda row: (value := get(row)) is not None and str(value) < high,
            ">": lambda row: (value := get(row)) is not None and str(value) >= high,
            ">=": lambda row: (value := get(row)) is not None and str(value) >= low,
        }
        return tests[operator]

    def _list_test(self, column: Column, operator: str, literals: Sequence[Literal]) -> Predicate:
        for literal in literals:
            self._check_kind(column.field, literal)
            if literal.kind == "relative":
                raise self._columns.error(literal.at, "unexpected relative date in a list", "MALFORMED_QUERY")
        wanted = frozenset(self._stored(column.field, item) for item in literals)
        if operator in {"INCLUDES", "EXCLUDES"}:
            return self._includes(column, operator, wanted, literals[0])
        return _membership(column, operator, wanted)

    def _includes(self, column: Column, operator: str, wanted: frozenset[Value], first: Literal) -> Predicate:
        if column.field.type != "multipicklist":
            raise self._columns.error(first.at, "includes or excludes operator only valid on multipicklist field")
        sets = [frozenset(str(item).split(";")) for item in wanted]
        get = column.get

        def includes(row: Row) -> bool:
            held = frozenset(str(get(row) or "").split(";"))
            return any(group <= held for group in sets)

        return includes if operator == "INCLUDES" else lambda row: not includes(row)


def _edge(day: date, kind: str) -> str:
    return day.isoformat() if kind == "date" else stamp(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _fold(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def _join(word: str, tests: list[Predicate]) -> Predicate:
    if len(tests) == 2:
        left, right = tests
        if word == "AND":
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    combine = all if word == "AND" else any
    return lambda row: combine(test(row) for test in tests)


def _compare(get: Getter, operator: str, wanted: Value, fold: bool) -> Predicate:
    read: Getter = (lambda row: _fold(get(row))) if fold else get
    if operator == "=":
        return lambda row: read(row) == wanted
    if operator == "!=":
        return lambda row: read(row) != wanted
    ordered = _ORDERINGS[operator]
    return lambda row: (value := read(row)) is not None and ordered(value, wanted)


def _membership(column: Column, operator: str, wanted: frozenset[Value]) -> Predicate:
    get = column.get
    if column.field.type in TEXT_TYPES:
        folded = frozenset(_fold(item) for item in wanted)
        if operator == "IN":
            return lambda row: _fold(get(row)) in folded
        return lambda row: _fold(get(row)) not in folded
    if operator == "IN":
        return lambda row: get(row) in wanted
    return lambda row: get(row) not in wanted


def _like(get: Getter, literal: Literal) -> Predicate:
    if literal.kind == "null":
        return lambda row: get(row) is None
    parts = re.findall(r"\\[_%]|.", str(literal.value), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    pattern = re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL | re.IGNORECASE)
    return lambda row: isinstance(value := get(row), str) and pattern.fullmatch(value) is not None


def stamp_bounds(condition: Condition | None) -> Bounds:
    """Return inclusive bounds on SystemModstamp that every matching row respects; None where there is none."""
    if isinstance(condition, Logical):
        bounds = [stamp_bounds(term) for term in condition.terms]
        lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
        if condition.word == "AND":
            return _known(lows, max), _known(highs, min)
        return (None if None in lows else _known(lows, min)), (None if None in highs else _known(highs, max))
    if isinstance(condition, Comparison) and isinstance(condition.operand, Literal):
        literal = condition.operand
        if str(condition.path).lower() == "systemmodstamp":
            edge = parse_instant(str(literal.value)) if literal.kind == "datetime" else None
            low = edge if condition.operator in {"=", ">", ">="} else None
            high = edge if condition.operator in {"=", "<", "<="} else None
            return low, high
    return None, None


def _known(edges: Sequence[str | None], choose: Callable[[list[str]], str]) -> str | None:
    known = [edge for edge in edges if edge is not None]
    return choose(known) if known else None


def id_set(condition: Condition | None) -> frozenset[str] | None:
    """Return the only ids that can match, when the condition says so at its top level; None when it does not."""
    if isinstance(condition, Logical) and condition.word == "AND":
        sets = [found for term in condition.terms if (found := id_set(term)) is not None]
        return frozenset.intersection(*sets) if sets else None
    if not isinstance(condition, Comparison) or str(condition.path) != "Id":
        return None
    operand = condition.operand
    members = (operand,) if isinstance(operand, Literal) else operand
    if condition.operator not in {"=", "IN"} or not isinstance(members, tuple):
        return None
    return frozenset(full for item in members if (full := canonical_id(item.value)))
