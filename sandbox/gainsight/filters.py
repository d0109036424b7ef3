"""The `where` of a query: conditions by alias, and the expression that joins them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sandbox.gainsight.errors import ApiError, invalid
from sandbox.gainsight.fields import MOMENT_TYPES, NUMBER_TYPES, Field
from sandbox.gainsight.moments import read_day, read_instant
from sandbox.gainsight.paths import Path, resolve
from sandbox.gainsight.tenant import Row, Table, Tenant
from sandbox.journal import Value

Test = Callable[[Row], bool]

_ORDERED = {"EQ", "NE", "LT", "GT", "LTE", "GTE"}
_LISTS = {"IN", "NOT_IN"}
_WORDS = {"CONTAINS", "DOES_NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH"}
_NULLS = {"IS_NULL", "IS_NOT_NULL"}
_MEMBERS = {"INCLUDES", "EXCLUDES"}
_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9_]+)")


_TEXT = _ORDERED | _LISTS | _WORDS
_OPERATORS = {
    "BOOLEAN": {"EQ", "NE"},
    "MULTISELECTDROPDOWNLIST": _MEMBERS,
    "PICKLIST": {"EQ", "NE"} | _LISTS | _MEMBERS | _WORDS,
    "RICHTEXTAREA": _WORDS,
    **{kind: _ORDERED | {"BTW"} for kind in MOMENT_TYPES},
    **{kind: _ORDERED | {"BTW"} | _LISTS for kind in NUMBER_TYPES},
}
"""What each data type can be compared by, besides whether it is empty; other types are text."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Reads conditions on one object; `key` is what the endpoint calls the field, `zone` where bare times are read."""

    tenant: Tenant
    table: Table
    key: str
    zone: tzinfo

    def read(self, where: object) -> Test:
        """Return the test that a row must pass; raises ApiError."""
        if where is None:
            return lambda _: True
        if not isinstance(where, dict) or not isinstance(where.get("conditions"), list):
            raise invalid("where needs a list of conditions and an expression")
        tests: dict[str, Test] = {}
        for condition in where["conditions"]:
            if not isinstance(condition, dict) or not isinstance(condition.get("alias"), str):
                raise invalid("a condition needs an alias")
            if condition["alias"] in tests:
                raise invalid(f"the alias {condition['alias']} is used twice")
            tests[condition["alias"]] = self._condition(condition)
        if not tests:
            return lambda _: True
        return _Expression(str(where.get("expression") or ""), tests).parse()

    def _condition(self, condition: dict[str, Any]) -> Test:
        path = resolve(self.tenant, self.table, condition.get(self.key))
        if path is None:
            raise ApiError(400, "GSOBJ_1002", f"Invalid field in where clause - {condition.get(self.key)}")
        operator, target = str(condition.get("operator")), path.target
        if operator not in _OPERATORS.get(target.type, _TEXT) | _NULLS:
            raise invalid(f"operator {operator} is not supported for {target.type} fields")
        if operator in _NULLS:
            wanted = operator == "IS_NULL"
            return lambda row: (path.get(self.tenant, row) is None) is wanted
        values = condition.get("value")
        if not isinstance(values, list) or not values:
            raise invalid(f"the value of {target.name} must be a list")
        if operator == "BTW" and len(values) != 2:
            raise invalid("BTW needs two values")
        if target.category is not None and operator in _WORDS:
            return self._label_test(path, operator, str(values[0]))
        return _test(self.tenant, path, operator, [self._value(target, one) for one in values])

    def _label_test(self, path: Path, operator: str, word: str) -> Test:
        category = self.tenant.categories[str(path.target.category)]
        hits = {item.gsid for item in category.items if _worded(operator, item.label, word)}
        return lambda row: path.get(self.tenant, row) in hits

    def _value(self, target: Field, raw: object) -> Value:
        if target.type == "DATE":
            found: Value = read_day(raw)
        elif target.type == "DATETIME":
            found = read_instant(raw, self.zone)
        elif target.type in NUMBER_TYPES:
            found = raw if isinstance(raw, int | float) and not isinstance(raw, bool) else None
        elif target.type == "BOOLEAN":
            found = raw if isinstance(raw, bool) else None
        elif target.category is not None:
            item = self.tenant.categories[target.category].find(raw)
            found = "" if item is None else item.gsid
        else:
            found = raw if isinstance(raw, str) else None
        if found is None:
            code = {"DATE": "GSOBJ_1006", "DATETIME": "GSOBJ_1005"}.get(target.type, "GSOBJ_1002")
            raise ApiError(400, code, f"Invalid value in where clause ({target.name} = {raw})")
        return found


def _test(tenant: Tenant, path: Path, operator: str, values: list[Value]) -> Test:
    """Return the test of one comparison; an empty field passes none but those for emptiness, `NE` included, and
    neither does a value of another type that a field has kept since it was retyped."""
    compare, text = _COMPARISONS[operator], isinstance(values[0], str)

    def test(row: Row) -> bool:
        held = path.get(tenant, row)
        return held is not None and isinstance(held, str) is text and compare(held, values)

    return test


def _worded(operator: str, text: str, word: str) -> bool:
    if operator == "STARTS_WITH":
        return text.startswith(word)
    if operator == "ENDS_WITH":
        return text.endswith(word)
    return (word in text) is (operator == "CONTAINS")


def _members(held: Any) -> set[str]:
    return set(str(held).split(";"))


_COMPARISONS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda held, values: held == values[0],
    "NE": lambda held, values: held != values[0],
    "LT": lambda held, values: held < values[0],
    "GT": lambda held, values: held > values[0],
    "LTE": lambda held, values: held <= values[0],
    "GTE": lambda held, values: held >= values[0],
    "BTW": lambda held, values: values[0] <= held <= values[1],
    "IN": lambda held, values: held in values,
    "NOT_IN": lambda held, values: held not in values,
    "INCLUDES": lambda held, values: bool(_members(held) & set(values)),
    "EXCLUDES": lambda held, values: not _members(held) & set(values),
    **{word: lambda held, values, word=word: _worded(word, held, values[0]) for word in _WORDS},  # type: ignore[misc]
}


class _Expression:
    """Reads `A AND (B OR C)`; AND binds closer than OR, and every alias has to occur."""

    def __init__(self, text: str, tests: dict[str, Test]) -> None:
        self._tests, self._unused = tests, set(tests)
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text) or not self._tokens:
            raise invalid("the expression cannot be read")

    def parse(self) -> Test:
        """Return the joined test; raises ApiError."""
        found = self._any()
        if self._tokens or self._unused:
            raise invalid("the expression does not fit the conditions")
        return found

    def _any(self) -> Test:
        parts = [self._all()]
        while self._next("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _all(self) -> Test:
        parts = [self._one()]
        while self._next("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self) -> Test:
        if self._next("("):
            found = self._any()
            if not self._next(")"):
                raise invalid("a parenthesis of the expression is not closed")
            return found
        alias = self._tokens.pop(0) if self._tokens else ""
        if alias not in self._tests:
            raise invalid(f"the expression names no condition {alias}")
        self._unused.discard(alias)
        return self._tests[alias]

    def _next(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == word:
            self._tokens.pop(0)
            return True
        return False
