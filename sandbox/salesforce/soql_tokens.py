"""Splits SOQL text into tokens and points at the place of an error as the vendor does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.salesforce.errors import ApiError

MAX_QUERY_LENGTH = 100_000
_CONTEXT = 60
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2}))
      | (?P<date>\d{4}-\d{2}-\d{2})
      | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<relative>[A-Za-z_]+:\d+)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
      | (?P<operator><=|>=|!=|<>|=|<|>)
      | (?P<punctuation>[(),])
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; the value of a string is unescaped, `text` is what stood in the query."""

    kind: str
    text: str
    at: int
    value: str = ""

    @property
    def word(self) -> str:
        """The upper-case form in which keywords are compared; empty for anything but a name."""
        return self.text.upper() if self.kind == "name" else ""


def located(query: str, at: int, message: str) -> str:
    """Return an error message with the excerpt, the caret and the row and column of the place."""
    line_start = query.rfind("\n", 0, at) + 1
    line_end = query.find("\n", at)
    line = query[line_start : len(query) if line_end < 0 else line_end]
    column = at - line_start
    first = max(0, column - _CONTEXT)
    excerpt = line[first : column + _CONTEXT]
    row = query.count("\n", 0, at) + 1
    return f"\n{excerpt}\n{' ' * (column - first)}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def malformed(query: str, at: int, message: str) -> ApiError:
    """Return the error of a query that does not parse."""
    return ApiError(400, "MALFORMED_QUERY", located(query, at, message))


def tokenize(query: str) -> list[Token]:
    """Split a query into tokens, the last of which is `end`; raises ApiError MALFORMED_QUERY."""
    if len(query) > MAX_QUERY_LENGTH:
        raise ApiError(400, "MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_QUERY_LENGTH} characters.")
    tokens: list[Token] = []
    at = 0
    while at < len(query):
        if query[at] == "'":
            token, at = _string(query, at)
            tokens.append(token)
            continue
        match = _TOKEN.match(query, at)
        if match is None:
            raise malformed(query, at, f"line 1:{at} no viable alternative at character '{query[at]}'")
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    tokens.append(Token("end", "<EOF>", len(query)))
    return tokens


def _string(query: str, start: int) -> tuple[Token, int]:
    characters: list[str] = []
    at = start + 1
    while at < len(query):
        character = query[at]
        if character == "'":
            return Token("string", query[start : at + 1], start, "".join(characters)), at + 1
        if character == "\\":
            escaped = query[at + 1 : at + 2]
            if escaped in {"_", "%"} and escaped:
                characters.append("\\" + escaped)
            elif escaped in _ESCAPES:
                characters.append(_ESCAPES[escaped])
            else:
                raise malformed(
                    query,
                    at,
                    f"Illegal string literal: Invalid string literal '\\{escaped}'. "
                    "Illegal character sequence in string literal.",
                )
            at += 2
            continue
        characters.append(character)
        at += 1
    raise malformed(query, start, "line 1: mismatched character '<EOF>' expecting '''")
