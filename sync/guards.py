"""What stops a plan before anything is written; each refusal names the number, the limit and the flag.

The flag is enough for the whole plan, so that nobody is sent from one refusal to the next.

All guards fail closed and compare with the last run that was allowed to finish, never with a refused one, so that
running again does not make a refused plan acceptable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from config.freeze import Freeze
from config.limits import Limit, percent_text
from sync.errors import Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run: the policy's, or the flag's where one was given."""

    max_changes: Limit
    max_band_drops: Limit
    max_shrink: float
    accept_model_change: bool = False
    count_first_writes: bool = False


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """One connection's plan in the numbers that guards need.

    `records` are the live records that could be written; `changed` those with any change; `replaced` those where a
    change replaces or clears a value, or writes again where Keepwell wrote before. Filling an empty property for
    the first time is not counted in `replaced`: otherwise no empty CRM could ever be provisioned. `banded` are
    records that show a health band now, `dropped` those whose band would get worse. `tasks` are the tasks that it makes
    or changes for alerts, `entries` those that it makes on timelines.
    """

    connection: str
    records: int = 0
    changed: int = 0
    replaced: int = 0
    banded: int = 0
    dropped: int = 0
    tasks: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class StreamSize:
    """Live rows of a stream after the last good run and now."""

    connection: str
    stream: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """A stream's epoch as the plan used it and as the store has it; `sealed` is false while it is being read."""

    connection: str
    stream: str
    used: int | None
    latest: int | None
    sealed: bool = True


def drops_band(before: str | None, after: str | None) -> bool:
    """Whether the health band gets worse; losing a known band counts as worse."""
    rank = {"green": 3, "yellow": 2, "red": 1}
    return before in rank and rank.get(after or "", 0) < rank[before]


def too_many_changes(figures: Sequence[PlanFigures], limits: Limits) -> list[str]:
    """Refusals because one plan would change too much."""
    refusals = []
    # The flag counts first writes, in every connection.
    enough = max((max(one.changed, one.tasks, one.entries) for one in figures), default=0)
    for one in figures:
        number = one.changed if limits.count_first_writes else one.replaced
        allowed = limits.max_changes.allowed(one.records)
        if number > allowed:
            refusals.append(
                f"{one.connection}: the plan changes {number} of {one.records} records, more than max_changes "
                f"{limits.max_changes} allows ({allowed}); if that is meant, raise it with --max-changes {enough}."
            )
        made = {f"makes or changes {one.tasks} tasks": one.tasks, f"makes {one.entries} entries": one.entries}
        refusals += [
            f"{one.connection}: the plan {what} of {one.records} accounts, more than max_changes {limits.max_changes} "
            f"allows ({allowed}); if that is meant, raise it with --max-changes {enough}."
            for what, number in made.items()
            if number > allowed
        ]
    return refusals


def mass_downgrade(figures: Sequence[PlanFigures], limits: Limits) -> list[str]:
    """Refusals because too many accounts would fall to a worse health band at once."""
    refusals = []
    enough = max((one.dropped for one in figures), default=0)
    for one in figures:
        allowed = limits.max_band_drops.allowed(one.banded)
        if one.dropped > allowed:
            refusals.append(
                f"{one.connection}: the health band of {one.dropped} of {one.banded} records would get worse, more "
                f"than max_band_drops {limits.max_band_drops} allows ({allowed}); `keepwell plan` shows why; if "
                f"that is right, raise it with --max-band-drops {enough}."
            )
    return refusals


def shrunken_pull(sizes: Sequence[StreamSize], limits: Limits) -> list[str]:
    """Refusals because a CRM suddenly has far fewer records than after the last good run."""
    refusals = []
    enough = max((_up((one.before - one.now) / one.before) for one in sizes), default=0.0)
    for one in sizes:
        lost = one.before - one.now
        if lost > Limit(share=limits.max_shrink).allowed(one.before):
            refusals.append(
                f"{one.connection}: {one.stream} went from {one.before} to {one.now} records, more than max_shrink "
                f"{percent_text(limits.max_shrink)} allows; read everything again with --full, and if the records are "
                f"really gone, raise it with --max-shrink {percent_text(enough)}."
            )
    return refusals


def _up(share: float) -> float:
    """A share rounded up to a whole percent."""
    return -(-share * 100 // 1) / 100


def not_whole(epochs: Iterable[Freshness]) -> list[str]:
    """Refusals because something was not read to its proven end, or was read again since."""
    refusals = []
    for one in epochs:
        if not one.sealed or one.used is None:
            refusals.append(
                f"{one.connection}: {one.stream} has not been read to its end; run `keepwell pull` until it has."
            )
        elif one.latest is not None and one.latest != one.used:
            refusals.append(
                f"{one.connection}: {one.stream} was read again since the plan was made (epoch {one.latest}, the plan "
                f"used {one.used}); make a new plan with `keepwell plan`."
            )
    return refusals


def model_changed(before: str | None, now: str, limits: Limits) -> list[str]:
    """Refusals because the framework is not the one of the last good run."""
    if before is None or before == now or limits.accept_model_change:
        return []
    changed = f"The framework changed since the last run (model version {before} → {now})"
    return [f"{changed}, which can change every record; if that is meant, say so with --accept-model-change."]


def frozen(windows: Iterable[Freeze], zone: str, now: datetime) -> list[str]:
    """The freezes that `now` lies in, in words that say why and until when."""
    spans = sorted((*window.span(ZoneInfo(zone)), str(window), window.reason) for window in windows)
    end = now
    for begin, over, *_ in spans:
        if begin <= end < over:  # one that begins before the other ends goes on from it
            end = over
    again = f"{end.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
    return [
        f"{window} is a freeze ({reason}), and runs write again from {again} on"
        for begin, over, window, reason in spans
        if begin <= now < over
    ]


def refuse(refusals: Sequence[str], hint: str = "Nothing was written.") -> None:
    """Raise `Refused` with every refusal in one message; nothing when there is none."""
    if refusals:
        raise Refused("\n".join(refusals), hint=hint)
