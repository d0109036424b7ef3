"""Random choices bound to one seed and one `today`; every draw of the generator goes through here."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random


class Dice:
    """A seeded source of numbers, days and instants; keys of child records count up from 1, one series a kind."""

    def __init__(self, seed: int, today: date) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.today = today
        self._noon = datetime.combine(today, time(12), UTC)
        self.dawn = datetime.combine(
            today, time(0), UTC
        )  # what happened, happened before: no record is from the future
        self._keys: dict[str, count[int]] = {}

    def key(self, kind: str) -> int:
        """Return the next key of records of this kind."""
        return next(self._keys.setdefault(kind, count(1)))

    def beside(self, name: str) -> Dice:
        """Return dice with numbers of their own, so that what they are thrown for shifts no other draw."""
        other = Dice(0, self.today)
        other.rng = Random(f"{self.seed}·{name}")
        return other

    def chance(self, probability: float) -> bool:
        """Return true with this probability."""
        return self.rng.random() < probability

    def within(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def around(self, value: float, spread: float) -> float:
        """Return `value` moved by at most `spread` either way."""
        return value + (self.rng.random() * 2 - 1) * spread

    def ago(self, days: int) -> date:
        """Return the day that many days before today; negative days lie ahead."""
        return self.today - timedelta(days=days)

    def moment(self, days_ago: int) -> datetime:
        """Return an instant in office hours that many days before today, half of them with milliseconds."""
        seconds = int(self.rng.random() * 28_800) - 14_400
        milliseconds = self.within(1, 999) if self.chance(0.5) else 0
        return self._noon - timedelta(days=days_ago) + timedelta(seconds=seconds, milliseconds=milliseconds)

    def moment_on(self, day: date) -> datetime:
        """Return an instant in office hours of that day."""
        return self.moment((self.today - day).days)

    def poisson_like(self, mean: float) -> int:
        """Return a small count with about this mean: the whole part for certain, the rest by chance, some ±1."""
        whole = int(mean)
        number = whole + (1 if self.rng.random() < mean - whole else 0)
        toss = self.rng.random()
        if toss < 0.2:
            return max(0, number - 1)
        return number + 1 if toss > 0.8 else number
