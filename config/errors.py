"""What is wrong with a configuration, as a list of sentences that name file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: where it is, what is wrong, what to do.

    `file` is a path or, for values that do not come from a file, the name of the environment variable; `line`
    counts from 1. `key` is the dotted path inside the file and may be empty.
    """

    file: str
    line: int | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, self.key, self.message] if self.key else [place, self.message]
        text = ": ".join(part for part in parts if part)
        return f"{text} {self.hint}".rstrip()


class ConfigFileError(Exception):
    """The configuration cannot be used; `problems` has at least one entry, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
