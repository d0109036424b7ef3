"""What `doctor` looks at in an org, and what to do about each finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connectors.base import Check
from connectors.errors import BadAnswer, MissingScope
from connectors.findings import clock_check, findings
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.schema import Schema
from connectors.salesforce.streams import Streams

_MOST_SKEW = 120.0  # seconds; a JWT is good for three minutes
_LOW_QUOTA = 0.25


class Checks:
    """Findings for one connection; a check that fails never keeps the others from running."""

    def __init__(
        self, client: SalesforceClient, schema: Schema, streams: Streams, target: str, *, tasks: bool = False
    ) -> None:
        self._client = client
        self._schema = schema
        self._streams = streams
        self._object = target
        self._tasks = tasks

    def run(self, identity: Callable[[], str]) -> list[Check]:
        """Every finding; after refused credentials only that one."""
        checks = {
            "clock": self._clock,
            "quota": self._quota,
            "fields": self._fields,
            "write access": self._write_access,
            **({"tasks": self._task_access} if self._tasks else {}),
        }
        version = self._client.version
        return list(findings(lambda: f"logged in to organisation {identity()}, API v{version}", checks))

    def _clock(self) -> Iterator[Check]:
        skew = (self._client.server_now() - self._client.clock.now()).total_seconds()
        hint = "Synchronise the clock of this machine; JWT logins fail with a wrong clock."
        yield clock_check("Salesforce", skew, _MOST_SKEW, hint)

    def _quota(self) -> Iterator[Check]:
        try:
            limits = self._client.get("limits")
        except (MissingScope, CallRefused, BadAnswer):
            limits = None  # many integration users may not see them, and need not
        daily = limits.get("DailyApiRequests") if isinstance(limits, Mapping) else None
        most, left = (daily.get("Max"), daily.get("Remaining")) if isinstance(daily, Mapping) else (None, None)
        if not isinstance(most, int) or not isinstance(left, int) or not most:
            left_by_header = self._client.quota_left()
            seen = (
                f"; {left_by_header:,} requests are left as far as answers tell" if left_by_header is not None else ""
            )
            hint = "Grant 'View Setup and Configuration' to see them here; Keepwell works without."
            yield Check("quota", "warning", f"the org does not tell its limits{seen}", hint)
        elif left < most * _LOW_QUOTA:
            hint = "Other apps use it too; run less often, or raise the org's allowance."
            yield Check("quota", "warning", f"{left:,} of {most:,} API requests left in these 24 hours", hint)
        else:
            yield Check("quota", "ok", f"{left:,} of {most:,} API requests left in these 24 hours")

    def _fields(self) -> Iterator[Check]:
        selection = self._streams.selection()
        names = ", ".join(stream.name for stream in selection.streams)
        yield Check("objects", "ok", f"readable: {names}")
        for stream, missing in selection.missing.items():
            hint = "Create or grant them, map others, or do without: what they feed counts as not connected."
            yield Check(f"fields of {stream}", "warning", f"not in this org: {', '.join(missing)}", hint)
        for stream, silent in selection.silent.items():
            every = next(one.full_every for one in selection.streams if one.name == stream)
            said = f"{', '.join(silent)}: changes do not move the stamp"
            if every is None:
                hint = "Set pull.formula_every_hours, or map the fields that they are computed from."
                yield Check(f"silent fields of {stream}", "warning", f"{said}, and nothing is read again", hint)
            else:
                detail = f"{said}, so all records are read again every {every.total_seconds() / 3600:g} h"
                yield Check(f"silent fields of {stream}", "ok", detail)

    def _write_access(self) -> Iterator[Check]:
        info = self._schema.object(self._object)
        if info is None or not info.updateable:
            hint = f"Grant Edit on {self._object}, for instance by the permission set of 'keepwell fields export'."
            yield Check("write access", "error", f"the integration user may not edit {self._object}", hint)
        else:
            yield Check("write access", "ok", f"the integration user may edit {self._object}")

    def _task_access(self) -> Iterator[Check]:
        info = self._schema.object("Task")
        if info is None or not (info.createable and info.updateable):
            hint = "Grant Create and Edit on Task, or leave out `tasks` of this connection."
            yield Check("tasks", "error", "the integration user may not make and edit tasks", hint)
        else:
            yield Check("tasks", "ok", "the integration user may make and edit tasks")
