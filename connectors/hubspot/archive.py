"""The archived records: a list without a date filter, read whole by a full pull and by rounds in increments.

Reading a long archive to its end in each increment would cost more than the increment. So one increment reads a few
pages, the next one goes on from there, and after the last page a new round begins. A round looks for what was archived
since the round before it began: whatever lies behind its place is seen by the next one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from connectors.errors import ConfigError
from connectors.hubspot.read import Row
from connectors.hubspot.records import instant, record_of, to_millis
from mapping.records import RawRecord


@dataclass(frozen=True, slots=True)
class Round:
    """Where the walk through an archive stands; times are epoch milliseconds.

    `after` is the list's token, `since` from when on an archived record is news, `began` the beginning of the window
    in which the round began (None where no round is under way).
    """

    after: str | None
    since: int
    began: int | None

    def text(self) -> str:
        """The form in which one window hands it to the next."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def for_window(cls, since: int, carry: str | None) -> Round:
        """The round of an increment from `since` on: a new one, or what the window before left of one."""
        if carry is None:
            return cls(None, since, since)
        try:
            left = cls(**orjson.loads(carry))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise ConfigError(
                "What the last HubSpot pull left about archived records cannot be read.", hint="Start over with --full."
            ) from error
        return cls(left.after, min(left.since, since), since if left.began is None else left.began)

    def carried(self, window: int) -> str | None:
        """What the window after this one, from `window` on, must know; None when the round began and ended in it."""
        if self.after is not None:
            return self.text()
        # A round of several windows has passed records that were archived behind its back since it began.
        return None if self.began in (None, window) else Round(None, self.began or 0, None).text()


def archived_since(rows: list[Row], since: int | None) -> tuple[RawRecord, ...]:
    """The records that were archived at or after `since`, and those that do not say when."""
    found = []
    for row in rows:
        archived_at = instant(row.get("archivedAt"))
        if since is None or archived_at is None or to_millis(archived_at) >= since:
            found.append(record_of(row, archived=True))
    return tuple(found)
