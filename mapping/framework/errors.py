"""What is wrong with a framework file, key by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the path of the key in the file, and what to do about it."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'the file'}: {self.message}"


class FrameworkError(ValueError):
    """A framework that cannot be used; `problems` has every fault that was found, in file order."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"framework {name} cannot be used: " + "; ".join(map(str, problems)))
        self.name = name
        self.problems = tuple(problems)
