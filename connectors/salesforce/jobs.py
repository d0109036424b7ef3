"""Bulk query jobs: an id, and a state to wait for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import BadAnswer, RetryLater
from connectors.http import Deadline
from connectors.salesforce.client import SalesforceClient

_FIRST_POLL, _GROWTH, _LONGEST_POLL = 1.0, 1.7, 30.0  # seconds, and how much longer each pause is than the last
_ENDED = frozenset({"jobcomplete", "failed", "aborted"})
_ID = re.compile(r"^[A-Za-z0-9_-]{1,80}$")


def is_job(text: str) -> bool:
    """Whether `text` can be the id of a job, and so may stand in an address."""
    return _ID.match(text) is not None


def create(client: SalesforceClient, body: Mapping[str, str]) -> str:
    """Create a job and return its id; one attempt, raises what `client.send` raises."""
    job = client.send("POST", "jobs/query", json=body)
    found = job.get("id") if isinstance(job, Mapping) else None
    if not isinstance(found, str) or not is_job(found):
        # Nothing runs in a job whose id nobody knows.
        raise BadAnswer("A bulk job was created without an id.", sent=False)
    return found


def look(client: SalesforceClient, job: str) -> Mapping[str, Any]:
    """The job as it is now, with its `state` in lower case."""
    info = client.get(f"jobs/query/{job}")
    if not isinstance(info, Mapping):
        raise BadAnswer("The state of a bulk job is not what Salesforce documents.", sent=True)
    return {**info, "state": str(info.get("state") or "").lower()}


def polls(seconds: float) -> int:
    """How often a job that takes `seconds` is asked for its state."""
    asked, at, pause = 1, _FIRST_POLL, _FIRST_POLL
    while at < seconds:
        pause = min(pause * _GROWTH, _LONGEST_POLL)
        asked, at = asked + 1, at + pause
    return asked


def wait(client: SalesforceClient, job: str, *, begun: bool = False) -> Mapping[str, Any]:
    """The job at its end: `jobcomplete`, `failed` or `aborted`.

    A job that was `begun` by an earlier run may be done, so it is asked at once; a new one never is. Raises
    `RetryLater` when it takes longer than `pull.job_minutes`.
    """
    limit = 60.0 * client.settings.pull.job_minutes
    deadline, pause, waited = Deadline(client.clock, limit), 0.0 if begun else _FIRST_POLL, 0.0
    while True:
        client.sleep(pause)
        waited += pause
        info = look(client, job)
        if info["state"] in _ENDED:
            return info
        if waited >= limit or deadline.left() <= 0:
            raise RetryLater(f"The bulk job {job} was not done after {limit:g} s.")
        pause = min(pause * _GROWTH, _LONGEST_POLL) or _FIRST_POLL
