"""`${NAME}` and `${NAME:-default}` inside values of the configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))"
)


class MissingVariable(Exception):
    """A reference that cannot be resolved; `name` is the variable, empty when the reference itself is malformed."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Replace each reference by the variable's value; `$$` stands for one dollar sign.

    Raises MissingVariable when a variable without default is not set or empty: an empty token is never meant.
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["bad"]:
            raise MissingVariable("", "`${` must be followed by a variable name and `}`")
        name, default = match["name"], match["default"]
        found = environment.get(name, "")
        if found:
            return found
        if default is not None:
            return default
        state = "empty" if name in environment else "not set"
        raise MissingVariable(name, f"the environment variable {name} is {state}")

    return _REFERENCE.sub(value, text)
