"""Bulk API 2.0 queries: one job from its beginning to its end, its results streamed in between."""

from __future__ import annotations

from connectors.errors import ConnectorError, MissingScope
from connectors.salesforce import jobs
from connectors.salesforce.answers import CallRefused, NotOurs, lacks_resource
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.results import JobLost, Results


class NotForBulk(Exception):
    """This query cannot be run as a bulk job; REST can do it."""


class BulkQuery:
    """Starts, awaits, reads and deletes query jobs."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self.results = Results(client)

    def start(self, soql: str, *, include_deleted: bool = False) -> str:
        """Create a job and return its id; raises `NotForBulk` where Salesforce does not take the query."""
        body = {
            "operation": "queryAll" if include_deleted else "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        try:
            # A repeated creation costs a job that nobody reads, never a row.
            return str(self._client.retrying(lambda: jobs.create(self._client, body)))
        except (CallRefused, MissingScope) as refused:
            raise NotForBulk(str(refused)) from refused  # whatever is wrong, REST can do it or say it better
        except NotOurs as refused:
            if not lacks_resource(refused):
                raise
            raise NotForBulk(str(refused)) from refused

    def wait(self, job: str, *, begun: bool) -> int | None:
        """Wait until `job` is done and return how many rows it found, or None where it does not say so.

        Raises `NotForBulk` when it failed or was aborted, `JobLost` when it is gone, `RetryLater` when it takes longer
        than the configured deadline.
        """
        try:
            info = jobs.wait(self._client, job, begun=begun)
        except CallRefused as refused:
            if refused.status in {404, 409}:
                raise JobLost(str(refused)) from refused
            raise
        if info["state"] != "jobcomplete":
            said = info.get("errorMessage") or "Salesforce gives no reason"
            raise NotForBulk(f"The bulk job {job} has {info['state']}: {said}")
        found = info.get("numberRecordsProcessed")
        return found if isinstance(found, int) else None

    def finish(self, job: str) -> None:
        """Delete a job whose results were read; that it cannot be deleted changes nothing."""
        if not jobs.is_job(job):
            return
        try:
            self._client.send("DELETE", f"jobs/query/{job}")
        except ConnectorError:
            return  # it goes by itself after seven days
