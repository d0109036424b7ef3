"""A recursive-descent parser for the SOQL subset that integrations use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.soql_ast import (
    AGGREGATES,
    Call,
    Comparison,
    Condition,
    Fields,
    Literal,
    Logical,
    Not,
    OrderKey,
    Path,
    Query,
)
from sandbox.salesforce.soql_dates import is_relative
from sandbox.salesforce.soql_functions import FUNCTIONS
from sandbox.salesforce.soql_tokens import Token, malformed, tokenize

MAX_OFFSET = 2000
_CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "HAVING", "WITH", "FOR", "ALL", "USING"})
RESERVED = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "SELECT", "NULL", "TRUE", "FALSE"}) | _CLAUSES
_MAX_DEPTH = 60

Item = TypeVar("Item")


def parse(query: str) -> Query:
    """Parse a query; raises ApiError MALFORMED_QUERY or NUMBER_OUTSIDE_VALID_RANGE."""
    parser = _Parser(query)
    parsed = parser.query()
    parser.expect_end()
    return parsed


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _unexpected(self) -> ApiError:
        shown = self._token.text
        return malformed(self._text, self._token.at, f"unexpected token: '{shown}'")

    def _accept(self, *words: str) -> bool:
        """Consume the words if the next tokens are exactly these keywords or marks."""
        ahead = self._tokens[self._next : self._next + len(words)]
        if [token.word or token.text for token in ahead] != list(words):
            return False
        self._next += len(words)
        return True

    def _expect(self, *words: str) -> None:
        if not self._accept(*words):
            raise self._unexpected()

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise malformed(self._text, self._token.at, "query is too deeply nested")

    def query(self) -> Query:
        self._enter()
        self._expect("SELECT")
        select = self._list(self._select_item)
        self._expect("FROM")
        source = self._name()
        alias = self._alias()
        if self._accept("USING", "SCOPE"):
            self._expect("EVERYTHING")
        where = self._condition() if self._accept("WHERE") else None
        group_by = self._list(self._operand) if self._accept("GROUP", "BY") else ()
        having = self._condition() if group_by and self._accept("HAVING") else None
        order_by = self._list(self._order_key) if self._accept("ORDER", "BY") else ()
        limit = self._count() if self._accept("LIMIT") else None
        offset = self._offset() if self._accept("OFFSET") else None
        if self._accept("FOR") and not (self._accept("VIEW") or self._accept("REFERENCE")):
            raise self._unexpected()
        self._depth -= 1
        return Query(select, source.text, where, group_by, order_by, limit, offset, source.at, having, alias)

    def _list(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        items = [item()]
        while self._accept(","):
            items.append(item())
        return tuple(items)

    def _name(self) -> Token:
        token = self._token
        if token.kind != "name" or token.word in RESERVED:
            raise self._unexpected()
        return self._take()

    def _path(self) -> Path:
        token = self._name()
        parts = tuple(token.text.split("."))
        if len(parts) > 6:
            raise malformed(self._text, token.at, "SELECT clauses cannot have more than 5 levels of relationships")
        return Path(parts, token.at)

    def _select_item(self) -> Path | Call | Fields | Query:
        if self._accept("("):
            inner = self.query()
            self._expect(")")
            return inner
        if self._token.word == "FIELDS" and self._is_call:
            return self._fields()
        item = self._operand()
        alias = self._alias()
        return replace(item, alias=alias) if alias else item

    def _alias(self) -> str | None:
        named = self._token.kind == "name" and self._token.word not in RESERVED and "." not in self._token.text
        return self._take().text if named else None

    @property
    def _is_call(self) -> bool:
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)].text == "("

    def _operand(self) -> Path | Call:
        """Parse what can be selected, grouped, compared and sorted by: a field, or a function of one."""
        return self._call() if self._is_call else self._path()

    def _fields(self) -> Fields:
        at = self._take().at
        self._expect("(")
        group = self._take()
        if group.word not in {"ALL", "STANDARD", "CUSTOM"}:
            raise malformed(self._text, group.at, f"unexpected token: '{group.text}'")
        self._expect(")")
        return Fields(group.word, at)

    def _call(self) -> Call:
        function = self._take()
        if function.word not in AGGREGATES | FUNCTIONS:
            raise malformed(self._text, function.at, f"unknown or unsupported function: {function.text}")
        self._expect("(")
        path = None if self._token.text == ")" and function.word == "COUNT" else self._path()
        self._expect(")")
        return Call(function.word, path, None, function.at)

    def _condition(self) -> Condition:
        """Parse terms joined by one kind of word; AND and OR mix only with parentheses."""
        self._enter()
        terms = [self._term()]
        joiner = self._token.word
        if joiner in {"AND", "OR"}:
            while self._accept(joiner):
                terms.append(self._term())
            if self._token.word in {"AND", "OR"}:
                raise self._unexpected()
        self._depth -= 1
        return terms[0] if len(terms) == 1 else Logical(joiner, tuple(terms))

    def _term(self) -> Condition:
        if self._accept("NOT"):
            self._enter()
            negated = Not(self._term())
            self._depth -= 1
            return negated
        if self._accept("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        path = self._operand()
        token = self._token
        if self._accept("NOT", "IN"):
            return Comparison(path, "NOT IN", self._members())
        if token.word in {"IN", "INCLUDES", "EXCLUDES"}:
            self._take()
            return Comparison(path, token.word, self._members())
        if token.word == "LIKE" or token.kind == "operator":
            self._take()
            operator = "!=" if token.text == "<>" else token.word or token.text
            return Comparison(path, operator, self._literal())
        raise self._unexpected()

    def _members(self) -> tuple[Literal, ...] | Query:
        self._expect("(")
        members = self.query() if self._token.word == "SELECT" else self._list(self._literal)
        self._expect(")")
        return members

    def _literal(self) -> Literal:
        token = self._token
        literal = self._literal_of(token)
        if literal is None:
            raise self._unexpected()
        self._take()
        return literal

    def _literal_of(self, token: Token) -> Literal | None:
        if token.kind == "string":
            return Literal("string", token.value, token.at)
        if token.kind == "number":
            return Literal("number", float(token.text), token.at)
        if token.kind in {"date", "datetime"}:
            return Literal(token.kind, token.text, token.at)
        if token.word == "NULL":
            return Literal("null", None, token.at)
        if token.word in {"TRUE", "FALSE"}:
            return Literal("boolean", token.word == "TRUE", token.at)
        return Literal("relative", token.text.upper(), token.at) if is_relative(token.text) else None

    def _order_key(self) -> OrderKey:
        path = self._operand()
        descending = self._accept("DESC") or (self._accept("ASC") and False)
        nulls_last = False
        if self._accept("NULLS"):
            nulls_last = self._accept("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return OrderKey(path, descending, nulls_last)

    def _count(self) -> int:
        token = self._token
        if token.kind != "number" or not (token.text.isascii() and token.text.isdigit()):
            raise self._unexpected()
        return int(self._take().text)

    def _offset(self) -> int:
        offset = self._count()
        if offset > MAX_OFFSET:
            raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        return offset
