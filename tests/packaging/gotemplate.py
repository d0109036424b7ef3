"""The part of Helm's template language that our chart uses, so that it is rendered where there is no Helm.

Text, comments and trimming, `define`, `include`, `if`/`else`, `with`, paths below `.`, calls with pipes, and the
functions of `FUNCTIONS`. Anything else is an error: a chart that needs more has to be rendered by Helm itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|\||[^\s()|]+')


class TemplateError(Exception):
    """The template is wrong, or says by `fail` that the values are."""


def _fail(message: str) -> str:
    raise TemplateError(message)


def _to_yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=True, default_flow_style=False).removesuffix("\n").removesuffix("\n...")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "toYaml": _to_yaml,
    "indent": lambda number, text: " " * number + text.replace("\n", "\n" + " " * number),
    "quote": lambda value: '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"',
    "default": lambda other, value: value or other,
    "not": lambda value: not value,
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "dict": lambda *pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    "fail": _fail,
}


@dataclass(slots=True)
class _Block:
    head: str
    body: list[str | _Block] = field(default_factory=list)
    other: list[str | _Block] | None = None

    def put(self, item: str | _Block) -> None:
        (self.body if self.other is None else self.other).append(item)


class Chart:
    """Templates by file name; those that are defined in one can be included in all."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = {name: _parsed(text) for name, text in files.items()}
        self._defined: dict[str, _Block] = {}
        for tree in self._files.values():
            for item in tree.body:
                if isinstance(item, _Block) and item.head.startswith("define "):
                    self._defined[item.head.split('"')[1]] = item

    def render(self, root: dict[str, Any]) -> dict[str, str]:
        """File name → text; raises TemplateError."""
        return {name: "".join(self._all(tree.body, root)) for name, tree in self._files.items() if name[0] != "_"}

    def _all(self, items: list[str | _Block], dot: Any) -> Iterator[str]:
        for item in items:
            if isinstance(item, str):
                yield item
            else:
                yield from self._one(item, dot)

    def _one(self, block: _Block, dot: Any) -> Iterator[str]:
        keyword, _, rest = block.head.partition(" ")
        if keyword == "define":
            return
        if keyword not in {"if", "with"}:
            yield _text(self._value(block.head, dot))
            return
        found = self._value(rest, dot)
        if found:
            yield from self._all(block.body, found if keyword == "with" else dot)
        else:
            yield from self._all(block.other or [], dot)

    def _value(self, expression: str, dot: Any) -> Any:
        words = _WORD.findall(expression)
        value = self._pipeline(words, dot)
        if words:
            raise TemplateError(f"not understood: {expression}")
        return value

    def _pipeline(self, words: list[str], dot: Any) -> Any:
        piped: list[Any] = []
        while True:
            values = []
            while words and words[0] not in {"|", ")"}:
                values.append(self._operand(words, dot))
            if callable(values[0]):
                piped = [values[0](*values[1:], *piped)]
            elif len(values) == 1 and not piped:
                piped = values
            else:
                raise TemplateError(f"no function: {values[0]!r}")
            if not words or words[0] == ")":
                return piped[0]
            words.pop(0)

    def _operand(self, words: list[str], dot: Any) -> Any:
        word = words.pop(0)
        if word == "(":
            value = self._pipeline(words, dot)
            words.pop(0)
            return value
        if word.startswith('"'):
            return word[1:-1]
        if word.isdigit():
            return int(word)
        if word.startswith("."):
            for part in filter(None, word.split(".")):
                dot = dot.get(part) if isinstance(dot, dict) else None
            return dot
        if word == "include":
            return lambda name, given: "".join(self._all(self._defined[name].body, given))
        if word not in FUNCTIONS:
            raise TemplateError(f"not a function that is known here: {word}")
        return FUNCTIONS[word]


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def _parsed(text: str) -> _Block:
    stack = [_Block("")]
    at, trim = 0, False
    for action in _ACTION.finditer(text):
        before = text[at : action.start()]
        before = before.lstrip() if trim else before
        stack[-1].put(before.rstrip() if action[1] else before)
        at, trim = action.end(), bool(action[3])
        _act(stack, action[2])
    rest = text[at:]
    stack[-1].put(rest.lstrip() if trim else rest)
    if len(stack) != 1:
        raise TemplateError(f"not closed: {stack[-1].head}")
    return stack[0]


def _act(stack: list[_Block], head: str) -> None:
    keyword = head.split(" ", maxsplit=1)[0]
    if keyword == "end":
        stack.pop()
    elif keyword == "else":
        stack[-1].other = []
    elif not keyword.startswith("/*"):
        block = _Block(head)
        stack[-1].put(block)
        if keyword in {"if", "with", "define"}:
            stack.append(block)
