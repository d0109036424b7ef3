"""What `doctor` looks at in a tenant, and what to do about each finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.base import Check
from connectors.findings import clock_check, findings
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.cockpit import GainsightTasks
from connectors.gainsight.deletions import Deletions
from connectors.gainsight.schema import COMPANY
from connectors.gainsight.streams import OWNERS, Streams
from connectors.gainsight.timeline import GainsightTimeline

_MOST_SKEW = 3600.0  # seconds; increments look back for a day


class Checks:
    """Findings for one connection; a check that fails never keeps the others from running."""

    def __init__(
        self,
        client: GainsightClient,
        streams: Streams,
        deletions: Deletions,
        timeline: GainsightTimeline | None,
        tasks: GainsightTasks | None,
    ) -> None:
        self._client = client
        self._timeline = timeline
        self._tasks = tasks
        self._streams = streams
        self._deletions = deletions

    def run(self, identity: Callable[[], str]) -> list[Check]:
        """Every finding; after refused credentials only that one."""
        checks = {"clock": self._clock, "fields": self._fields, "delete log": self._log, "entries": self._entries,
                  "calls to action": self._calls, "quota": self._quota}  # fmt: skip
        return list(findings(lambda: f"accepted by {self._client.host} (tenant {identity()})", checks))

    def _clock(self) -> Iterator[Check]:
        yield clock_check("Gainsight", self._client.clock_skew(), _MOST_SKEW, "Synchronise the clock of this machine.")

    def _fields(self) -> Iterator[Check]:
        selection = self._streams.selection()
        names = ", ".join(stream.name for stream in selection.streams)
        yield Check("objects", "ok", f"readable: {names}")
        if not any(stream.name == OWNERS for stream in selection.streams):
            hint = "Let these credentials read the User object; owners stay ids without a name until then."
            yield Check("owners", "warning", "users cannot be read", hint)
        for stream, missing in selection.missing.items():
            hint = "Add them in Data Management, map others, or do without: what they feed counts as not connected."
            yield Check(f"fields of {stream}", "warning", f"not in this tenant: {', '.join(missing)}", hint)
        for key, name in self._streams.unread().items():
            hint = f"Map fields of it: docs/connectors/gainsight.md shows how for {key}."
            yield Check(f"object of {key}", "warning", f"{name} is named, and no field of it is mapped", hint)
        if self._client.settings.integration_user is None:
            hint = f"Set integration_user to the Gsid of the user whom {COMPANY} names in ModifiedBy after a write."
            yield Check("own user", "ok", f"not named, so Gainsight cannot tell our own writes from others. {hint}")

    def _log(self) -> Iterator[Check]:
        columns = self._deletions.columns()
        if columns is None:
            hours = self._client.settings.pull.full_every_hours
            told = f"each full read (every {hours:g} h) tells what is gone" if hours else "nothing tells what is gone"
            hint = "Let these credentials read record_delete_log; until then deleted records are noticed late."
            yield Check("delete log", "warning", f"cannot be read: {told}", hint)
        else:
            yield Check("delete log", "ok", f"readable ({', '.join(columns.all)})")

    def _entries(self) -> Iterator[Check]:
        if self._timeline is None:
            return
        if lost := self._timeline.lacking():
            detail = f"none are made: activities do not show {', '.join(lost)}"
            yield Check("entries", "error", detail, "Let these credentials read the Activity Timeline object.")
        elif not self._timeline.author_is_known():
            hint = "Set timeline.entries.author to the address of an active user of Gainsight."
            yield Check("entries", "error", "none are made: no active user has the author's e-mail address", hint)
        else:
            yield Check("entries", "ok", "written on timelines when a health band falls; their author is known")

    def _calls(self) -> Iterator[Check]:
        if self._tasks is not None:
            self._tasks.check()
            yield Check("calls to action", "ok", "made of alerts; the tenant has their type, reason and states")

    def _quota(self) -> Iterator[Check]:
        limits, left = self._client.settings.limits, self._client.quota_left()
        known = f", {left:,} left by our own count" if left is not None else ""
        detail = f"{limits.per_minute:,} requests a minute and {limits.daily:,} a day for the whole tenant{known}"
        yield Check("quota", "warning" if left == 0 else "ok", detail, "Run tomorrow." if left == 0 else "")
