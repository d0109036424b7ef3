"""The parsed form of a SOQL query; positions are 0-based offsets into the text and do not take part in equality."""

from __future__ import annotations

from dataclasses import dataclass, field

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"})


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached through zero or more parent relationships: `Owner.Name`; only grouped ones have aliases."""

    parts: tuple[str, ...]
    at: int = field(default=0, compare=False)
    alias: str | None = None

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one field, an aggregate or not; `path` is None for the bare COUNT()."""

    function: str
    path: Path | None
    alias: str | None = None
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.function}({self.path or ''})"

    @property
    def aggregates(self) -> bool:
        """Whether the function makes one value of many rows."""
        return self.function in AGGREGATES


@dataclass(frozen=True, slots=True)
class Fields:
    """FIELDS(ALL), FIELDS(STANDARD) or FIELDS(CUSTOM)."""

    group: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `kind` is string, number, boolean, null, date, datetime or relative."""

    kind: str
    value: str | float | bool | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test of one field or function; list operators carry a tuple of literals or a subquery."""

    path: Path | Call
    operator: str
    operand: Literal | tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Logical:
    """AND or OR over two or more conditions."""

    word: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    term: Condition


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One sort key; nulls come first unless told otherwise."""

    path: Path | Call
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole SELECT."""

    select: tuple[Path | Call | Fields | Query, ...]
    source: str
    where: Condition | None = None
    group_by: tuple[Path | Call, ...] = ()
    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int | None = None
    source_at: int = field(default=0, compare=False)
    having: Condition | None = None
    alias: str | None = None

    @property
    def counts_only(self) -> bool:
        """Whether this is `SELECT COUNT() FROM …`, which answers with a size and no rows."""
        first = self.select[0]
        return len(self.select) == 1 and isinstance(first, Call) and first.path is None

    @property
    def aggregates(self) -> bool:
        """Whether the answer consists of aggregate rows."""
        return bool(self.group_by) or any(isinstance(item, Call) and item.aggregates for item in self.select)


Condition = Comparison | Logical | Not


def literal_text(literal: Literal) -> str:
    """Write a literal as SOQL."""
    if literal.kind == "string":
        escaped = str(literal.value).replace("\\", "\\\\").replace("'", "\\'")
        for plain, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f")):
            escaped = escaped.replace(plain, escape)
        return f"'{escaped}'"
    if literal.kind == "null":
        return "null"
    if literal.kind == "boolean":
        return "TRUE" if literal.value else "FALSE"
    return f"{literal.value}"


def condition_text(condition: Condition) -> str:
    """Write a condition as SOQL, with parentheses wherever terms nest."""
    if isinstance(condition, Not):
        return f"(NOT {condition_text(condition.term)})"
    if isinstance(condition, Logical):
        return "(" + f" {condition.word} ".join(condition_text(term) for term in condition.terms) + ")"
    operand = condition.operand
    if isinstance(operand, Literal):
        value = literal_text(operand)
    elif isinstance(operand, tuple):
        value = "(" + ", ".join(literal_text(item) for item in operand) + ")"
    else:
        value = f"({query_text(operand)})"
    return f"{condition.path} {condition.operator} {value}"


def _item_text(item: Path | Call | Fields | Query) -> str:
    if isinstance(item, Path | Call):
        return f"{item} {item.alias}" if item.alias else str(item)
    if isinstance(item, Fields):
        return f"FIELDS({item.group})"
    return f"({query_text(item)})"


def query_text(query: Query) -> str:
    """Write a query as SOQL that parses back to an equal query."""
    parts = ["SELECT " + ", ".join(_item_text(item) for item in query.select), f"FROM {query.source}"]
    if query.alias:
        parts.append(query.alias)
    if query.where is not None:
        parts.append(f"WHERE {condition_text(query.where)}")
    if query.group_by:
        parts.append("GROUP BY " + ", ".join(str(path) for path in query.group_by))
    if query.having is not None:
        parts.append(f"HAVING {condition_text(query.having)}")
    if query.order_by:
        parts.append("ORDER BY " + ", ".join(_order_text(key) for key in query.order_by))
    if query.limit is not None:
        parts.append(f"LIMIT {query.limit}")
    if query.offset is not None:
        parts.append(f"OFFSET {query.offset}")
    return " ".join(parts)


def _order_text(key: OrderKey) -> str:
    direction = "DESC" if key.descending else "ASC"
    return f"{_item_text(key.path)} {direction} NULLS {'LAST' if key.nulls_last else 'FIRST'}"
