"""What `doctor` says about a HubSpot connection: each probe is one cheap call, and each finding has a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.base import Check, StreamMap
from connectors.errors import ConnectorError, CredentialsError, MissingScope
from connectors.hubspot.account import Account
from connectors.hubspot.answers import NotFound
from connectors.hubspot.client import HubSpotClient, RequestRefused
from connectors.hubspot.paths import Paths
from connectors.hubspot.schema import Schema
from connectors.hubspot.transport import Request


class Checks:
    """Probes a connection."""

    def __init__(
        self,
        client: HubSpotClient,
        paths: Paths,
        schema: Schema,
        account: Account,
        *,
        maps: Mapping[str, StreamMap],
        optional: Sequence[str],
    ) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema
        self._account = account
        self._maps = maps
        self._optional = optional

    def run(self) -> list[Check]:
        """Every finding; after a refused token the others would only repeat it."""
        token = self._token()
        if token.status == "error":
            return [token]
        return [token, *self._permissions(), *self._properties(), self._quota()]

    def _token(self) -> Check:
        try:
            portal = self._account.portal(self._client, self._paths)
        except ConnectorError as error:
            return Check("token", "error", error.message, error.hint or "Check base_url and the access token.")
        return Check("token", "ok", f"portal {portal.id}" + (f", time zone {portal.zone}" if portal.zone else ""))

    def _permissions(self) -> Iterator[Check]:
        for kind in self._maps:
            yield self._probe(f"read {kind}", self._read_object(kind), optional=kind in self._optional)
        yield self._probe("read owners", lambda: self._read(Request("GET", self._paths.owners(), (("limit", "1"),))))
        for kind in ("deals", "tickets"):
            if kind in self._maps:
                yield self._probe(f"read {kind} pipelines", self._read_pipelines(kind))
        yield self._probe("write companies", self._write_nothing)

    def _probe(self, name: str, call: Callable[[], None], *, optional: bool = False) -> Check:
        try:
            call()
        except MissingScope as error:
            return Check(name, "warning" if optional else "error", error.message, error.hint)
        except (CredentialsError, NotFound) as error:
            return Check(name, "warning" if optional else "error", error.message, error.hint)
        except ConnectorError as error:
            return Check(name, "warning", error.message, error.hint or "Run doctor again.")
        return Check(name, "ok", "allowed")

    def _read(self, request: Request) -> None:
        self._client.read(request)

    def _read_object(self, kind: str) -> Callable[[], None]:
        query = (("limit", "1"), ("properties", "hs_object_id"))
        return lambda: self._read(Request("GET", self._paths.objects(kind), query))

    def _read_pipelines(self, kind: str) -> Callable[[], None]:
        return lambda: self._read(Request("GET", self._paths.pipelines(kind)))

    def _write_nothing(self) -> None:
        """An update of no record: HubSpot checks the scope first and then has nothing to do."""
        request = Request("POST", self._paths.objects("companies", "batch", "update"), body={"inputs": []})
        try:
            self._client.once(request)
        except RequestRefused:
            return  # an empty batch is a bad request, which only someone who may write is told

    def _properties(self) -> Iterator[Check]:
        for kind in self._maps:
            try:
                lost, absent = self._schema.lost(kind), self._schema.not_connected(kind)
            except ConnectorError as error:
                optional = kind in self._optional
                yield Check(f"properties of {kind}", "warning" if optional else "error", error.message, error.hint)
                continue
            if lost:
                hint = "Create them, or map the fields to other properties in the configuration."
                yield Check(f"properties of {kind}", "error", f"missing: {', '.join(lost)}", hint)
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
