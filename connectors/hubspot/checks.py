"""What `doctor` says about a HubSpot connection: each probe is one cheap call, and each finding has a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.base import Check, StreamMap
from connectors.errors import ConnectorError, CredentialsError
from connectors.findings import clock_check
from connectors.hubspot.account import Account
from connectors.hubspot.answers import NotFound
from connectors.hubspot.auth import TokenSource
from connectors.hubspot.client import HubSpotClient, RequestRefused
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import OBJECT_ID
from connectors.hubspot.schema import Schema
from connectors.hubspot.transport import Request

_SCOPE = "Grant the scope `oauth`, so that a token of another portal is noticed and the daily quota's reset is known."
_MOST_SKEW = 300.0  # seconds
_CLOCK_HINT = "Synchronise the clock of this machine: a run counts days by it."
_UNSAVED = "HubSpot gave a new refresh token, which lives only in this process: refresh_token is set, not its file"


class Checks:
    """Probes a connection."""

    def __init__(
        self,
        client: HubSpotClient,
        paths: Paths,
        schema: Schema,
        account: Account,
        tokens: TokenSource,
        *,
        maps: Mapping[str, StreamMap],
        optional: Sequence[str],
        tasks: bool = False,
    ) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema
        self._account = account
        self._tokens = tokens
        self._maps = maps
        self._optional = optional
        self._tasks = tasks

    def run(self) -> list[Check]:
        """Every finding; after a refused token or without an answer the others would only repeat it."""
        found = [self._credentials()]
        if found[0].status == "error":
            return found
        if self._tokens.unsaved():
            found.append(Check("refresh token", "warning", _UNSAVED, "Put it into a file and name that file instead."))
        clock = clock_check("HubSpot", self._client.clock_skew(), _MOST_SKEW, _CLOCK_HINT)
        return [*found, clock, *self._permissions(), *self._properties(), self._quota()]

    def _credentials(self) -> Check:
        try:
            portal = self._account.portal(self._client, self._paths)
        except CredentialsError as error:
            return Check("credentials", "error", error.message, error.hint)
        except ConnectorError as error:
            return Check("connection", "error", error.message, error.hint or "Check base_url and the access token.")
        if not portal.id:
            return Check("credentials", "warning", "accepted, but HubSpot does not say which portal it is", _SCOPE)
        zone = f", time zone {portal.zone}" if portal.zone else ""
        return Check("credentials", "ok", f"portal {portal.id}{zone}")

    def _permissions(self) -> Iterator[Check]:
        for kind in self._maps:
            yield self._probe(f"read {kind}", self._read_object(kind), optional=kind in self._optional)
        yield self._probe("read owners", lambda: self._read(Request("GET", self._paths.owners(), (("limit", "1"),))))
        for kind in ("deals", "tickets"):
            if kind in self._maps:
                yield self._probe(f"read {kind} pipelines", self._read_pipelines(kind))
        yield self._probe("write companies", lambda: self._write_nothing("companies", "update"))
        if self._tasks:
            yield self._probe("read tasks", self._read_object("tasks"))
            yield self._probe("make tasks", lambda: self._write_nothing("tasks", "create"))

    def _probe(self, name: str, call: Callable[[], None], *, optional: bool = False) -> Check:
        try:
            call()
        except (CredentialsError, NotFound) as error:
            hint = error.hint or "HubSpot does not serve this here; check base_url and api_version."
            return Check(name, "warning" if optional else "error", error.message, hint)
        except ConnectorError as error:
            return Check(name, "warning", error.message, error.hint or "Run doctor again.")
        return Check(name, "ok", "allowed")

    def _read(self, request: Request) -> None:
        self._client.read(request)

    def _read_object(self, kind: str) -> Callable[[], None]:
        query = (("limit", "1"), ("properties", OBJECT_ID))
        return lambda: self._read(Request("GET", self._paths.objects(kind), query))

    def _read_pipelines(self, kind: str) -> Callable[[], None]:
        return lambda: self._read(Request("GET", self._paths.pipelines(kind)))

    def _write_nothing(self, kind: str, operation: str) -> None:
        """A batch of no record: HubSpot checks the scope first and then has nothing to do."""
        request = Request("POST", self._paths.objects(kind, "batch", operation), body={"inputs": []})
        try:
            self._client.once(request)
        except RequestRefused:
            return  # an empty batch is a bad request, which only someone who may write is told

    def _properties(self) -> Iterator[Check]:
        for kind in self._maps:
            try:
                lost, lacking = self._schema.lost(kind), self._schema.lacking(kind)
                absent = self._schema.not_connected(kind)
            except ConnectorError as error:
                optional = kind in self._optional
                yield Check(f"properties of {kind}", "warning" if optional else "error", error.message, error.hint)
                continue
            if lost:
                hint = "Create them, or map the fields to other properties in the configuration."
                yield Check(f"properties of {kind}", "error", f"missing: {', '.join(lost)}", hint)
            elif lacking:
                hint = "Map their fields to other properties if you need them; they count as not connected."
                yield Check(f"properties of {kind}", "warning", f"not in this portal: {', '.join(lacking)}", hint)
            elif absent:
                yield Check(f"properties of {kind}", "ok", f"not in this portal, so not used: {', '.join(absent)}")
            else:
                yield Check(f"properties of {kind}", "ok", "all mapped properties exist")

    def _quota(self) -> Check:
        left = self._client.quotas.left_today()
        if left is None:
            return Check("quota", "ok", "HubSpot does not say how many requests are left today")
        return Check(
            "quota", "ok" if left else "warning", f"{left} requests left today", "" if left else "Run tomorrow."
        )
