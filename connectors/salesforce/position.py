"""Where a pull stands, as text that the engine stores and hands back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from connectors.errors import ConfigError
from connectors.salesforce import moments, soql
from connectors.salesforce.ids import is_id
from connectors.salesforce.jobs import is_job

Kind = Literal["id", "stamp", "bulk", "merged"]
_KINDS = frozenset({"id", "stamp", "bulk", "merged"})


@dataclass(frozen=True, slots=True)
class Position:
    """Rows up to here are read.

    `upper` is the end of the window, taken from Salesforce's clock when the window was opened; `rows` were yielded
    so far. `id` walks by Id, `stamp` by (SystemModstamp, Id), `bulk` through the results of a job (`skip` rows of the
    page at `locator` are read; `before` rows were yielded before it began, up to `last_id` and `stamp`), `merged`
    through the records that merges swallowed.
    """

    kind: Kind
    upper: datetime
    rows: int = 0
    last_id: str | None = None
    stamp: datetime | None = None
    job: str | None = None
    locator: str | None = None
    skip: int = 0
    before: int = 0

    def by_job(self, job: str | None = None) -> Position:
        """The beginning of a bulk job for the rows behind this position; of another one, when the last is lost."""
        rows = self.before if self.kind == "bulk" else self.rows
        return replace(self, kind="bulk", rows=rows, before=rows, job=job, locator=None, skip=0)

    def without_job(self, kind: Kind) -> Position:
        """This position as it was before its bulk job, for a walk of `kind`."""
        return replace(self, kind=kind, rows=self.before, before=0, job=None, locator=None, skip=0)

    def dump(self) -> str:
        """This position as text."""
        full = {
            "kind": self.kind,
            "upper": soql.instant(self.upper),
            "rows": self.rows,
            "last_id": self.last_id,
            "stamp": soql.instant(self.stamp) if self.stamp else None,
            "job": self.job,
            "locator": self.locator,
            "skip": self.skip or None,
            "before": self.before or None,
        }
        return orjson.dumps({key: value for key, value in full.items() if value is not None}).decode()

    @staticmethod
    def load(text: str) -> Position:
        """The position behind `text`; raises `ConfigError` when it is none of ours."""
        try:
            raw: dict[str, Any] = orjson.loads(text)
            upper = moments.parse(raw["upper"])
            position = Position(
                kind=raw["kind"],
                upper=upper or _refuse(),
                rows=int(raw["rows"]),
                last_id=raw.get("last_id"),
                stamp=moments.parse(raw.get("stamp")),
                job=raw.get("job"),
                locator=raw.get("locator"),
                skip=int(raw.get("skip", 0)),
                before=int(raw.get("before", 0)),
            )
            if position.kind not in _KINDS or any(
                value is not None and not fits(value)
                for value, fits in ((position.last_id, is_id), (position.job, is_job))
            ):
                _refuse()
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "The stored position of a Salesforce pull is damaged.", hint="Run the pull again with --full."
            ) from error
        return position


def _refuse() -> datetime:
    raise ValueError("not a position")
