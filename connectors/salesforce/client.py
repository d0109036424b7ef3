"""One door to an org: session, quota, retries and the meaning of answers, around simple-salesforce's REST calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock, local
from typing import Any
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce
from urllib3.exceptions import HTTPError

from connectors.budget import Budget, QuotaPolicy
from connectors.clock import Clock
from connectors.errors import BadAnswer, ConnectorError, CredentialsError, QuotaExhausted
from connectors.http import (
    Answer,
    Deadline,
    Timeouts,
    classify_failure,
    lower_headers,
    parse_json_value,
    read_answer,
)
from connectors.meter import Meter
from connectors.origin import local_path
from connectors.redact import Redactor
from connectors.retry import Retrier, Throttled
from connectors.salesforce import moments
from connectors.salesforce.answers import (
    STALE_LOCATOR,
    CallRefused,
    NotOurs,
    SessionExpired,
    api_usage,
    lacks_resource,
    raise_for,
)
from connectors.salesforce.auth import LOGIN_HOST, Grant, log_in
from connectors.salesforce.grants import Grants
from connectors.salesforce.ids import is_id
from connectors.salesforce.settings import SalesforceSettings
from connectors.session import LARGEST_BODY, RoutedAdapter, Sessions

_DAY = 86_400.0
_PAUSE_WHEN_EXHAUSTED = 900.0  # seconds: a rolling quota frees slowly, and other processes need not ask meanwhile
_PAUSE_WHEN_THROTTLED = 5.0
_PROMPT = timedelta(seconds=5)  # answers later than this say nothing about the server's clock
_DOWNLOAD_SECONDS = 1200.0  # Salesforce itself gives up on a download after 20 minutes
_CHUNK = 256 * 1024
_BODILESS = frozenset({201, 202, 204})
_MAY_BE_SILENT = frozenset({"PUT", "DELETE"})  # uploads and deletions may be answered without a word
_QUERY = "The query"
_QUERY_PATH = re.compile(r"/services/data/v\d+\.\d/query(?:All)?/")

Send = Callable[..., requests.Response]


class _Org(Salesforce):
    """simple-salesforce with its transport replaced: every call of it goes through `SalesforceClient`.

    Its own loop forgets the caller's headers when it repeats a call after a new login, and has neither deadline,
    quota nor retry.
    """

    def __init__(self, send: Send, session: requests.Session, version: str, host: str) -> None:
        self._send = send
        super().__init__(
            session_id="unused",  # the token is set for each attempt, so that a new one is used at once
            instance_url=f"https://{host}",
            session=session,
            version=version,
            object_pairs_hook=None,
        )

    def _call_salesforce(
        self,
        method: str,
        url: str,
        name: str = "",
        retries: int = 0,  # noqa: ARG002
        max_retries: int = 3,  # noqa: ARG002
        **kwargs: Any,
    ) -> requests.Response:
        return self._send(method, url, name or urlsplit(url).path, **kwargs)

    def parse_result_to_json(self, result: requests.Response) -> Any:
        silent = result.status_code in _BODILESS or result.request.method in _MAY_BE_SILENT
        if silent and not result.content:
            return {}  # which `restful` turns into None
        value = parse_json_value(_answer(result), "Salesforce, the call")
        if not isinstance(value, (dict, list)):
            raise BadAnswer("Salesforce, the call was answered with JSON that is neither object nor list.", sent=True)
        return value


class SalesforceClient:
    """Calls to one org. Reads are retried, writes are sent once; an expired session is renewed once for each call.

    Thread-safe: threads share connections, login, quota and what is known of Salesforce's clock, but nothing of an
    exchange.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        budget: Budget,
        clock: Clock,
        sleep: Callable[[float], None],
        meter: Meter | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.sleep = sleep
        self.redact = Redactor(_secrets(settings))
        self.meter = meter or Meter()
        self.timeouts = Timeouts(**settings.timeouts.model_dump())
        self._budget = budget
        self._retrier = Retrier(sleep, on_retry=self.meter.retry)
        self._adapter = RoutedAdapter(clock, self.timeouts, self._observe)
        self._adapter.route(LOGIN_HOST, settings.login_url.rstrip("/"))
        self._sessions = Sessions(
            self._adapter, ca_file=settings.ca_file, proxy=settings.proxy, trust_env=settings.trust_env
        )
        self._grants = Grants(settings, self._log_in)
        self._asking = local()  # the permit of this thread's request
        self._org: _Org | None = None
        self._org_lock = Lock()
        # Both are learned from answers; whichever thread learned last is right enough.
        self._without_slash = False
        self._ahead = timedelta(0)  # of Salesforce's clock before ours

    @property
    def version(self) -> str:
        """API version, for instance `62.0`."""
        return self.settings.api_version

    def server_now(self) -> datetime:
        """Salesforce's time: windows and cursors are made of its stamps, so our own clock must not cut them."""
        return self.clock.now() + self._ahead

    def query(self, soql: str, *, include_deleted: bool = False, page: int | None = None) -> dict[str, Any]:
        """The first page of a query; `page` asks for that many rows a page (200–2000, advisory)."""
        headers = {"Sforce-Query-Options": f"batchSize={page}"} if page else {}
        if not self._without_slash:
            try:
                return self._read(lambda org: org.query(soql, include_deleted=include_deleted, headers=headers), _QUERY)
            except (CallRefused, NotOurs) as error:
                if not lacks_resource(error):
                    raise
        # simple-salesforce asks `query/?q=`; Salesforce takes that too, but its pages have no slash there.
        path, params = "queryAll" if include_deleted else "query", {"q": soql}
        found = self._read(lambda org: org.restful(path, params=params, headers=headers), _QUERY)
        self._without_slash = True
        return found

    def query_more(self, link: str) -> dict[str, Any]:
        """The page behind a `nextRecordsUrl`, which is only followed within this org's own API."""
        path = local_path(link, self._grants.current().origin, prefix="/services/data/v")
        if not _QUERY_PATH.match(path):
            raise BadAnswer(f"The answer links to {path!r}, which is no query; the link was not followed.", sent=True)
        return self._read(lambda org: org.query_more(path, identifier_is_url=True), _QUERY)

    def from_page_on(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """`page` and the pages behind it; raises `BadAnswer` when they lead back to themselves."""
        followed: set[str] = set()
        yield page
        while (link := _next_link(page)) is not None:
            if link in followed:
                raise BadAnswer("The pages of a query lead back to themselves.", sent=True)
            followed.add(link)
            page = self.query_more(link)
            yield page

    def rows(self, soql: str, *, include_deleted: bool = False) -> list[dict[str, Any]]:
        """All rows of a query whose result is small, each with the columns asked for, `Id` among them.

        Where Salesforce drops the query between two pages it is asked once more from the start.
        """
        try:
            return self._all_rows(soql, include_deleted=include_deleted)
        except CallRefused as refused:
            if refused.code != STALE_LOCATOR:
                raise
            return self._all_rows(soql, include_deleted=include_deleted)

    def _all_rows(self, soql: str, *, include_deleted: bool) -> list[dict[str, Any]]:
        page = self.query(soql, include_deleted=include_deleted)
        rows = [row for each in self.from_page_on(page) for row in each["records"]]
        if len(rows) < int(page.get("totalSize") or 0):
            raise BadAnswer(f"A query gave {len(rows)} rows where {page['totalSize']} were announced.", sent=True)
        asked = soql.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
        if not all(name in row for row in rows for name in asked) or not all(is_id(str(row["Id"])) for row in rows):
            raise BadAnswer("A query gave rows without what was asked for.", sent=True)
        return rows

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """A GET below `/services/data/vXX/`; JSON, or None for an empty list or object."""
        return self._retrier.read(lambda: self._api().restful(path, params=dict(params or {})))

    def send(self, method: str, path: str, *, json: object = None, data: bytes | None = None, kind: str = "") -> Any:
        """One attempt at a call that changes something; JSON, or None for an empty answer.

        The error tells by `sent` whether it may have been carried out.
        """
        headers = {"Content-Type": kind} if kind else {}
        arguments: dict[str, Any] = {"data": data} if data is not None else {"json": json}
        return self._api().restful(path, method=method, headers=headers, **arguments)

    def grant(self) -> Grant:
        """The open session; logs in when there is none."""
        return self._grants.current()

    def userinfo(self) -> dict[str, Any]:
        """Who is logged in, by the OpenID endpoint."""
        url = f"https://{self._grants.current().host}/services/oauth2/userinfo"
        response = self._retrier.read(lambda: self._send("GET", url, "userinfo"))
        value = parse_json_value(_answer(response), "userinfo")
        return value if isinstance(value, dict) else {}

    def stream(self, path: str, params: Mapping[str, str]) -> requests.Response:
        """A GET whose body the caller reads from `raw` and closes; one attempt, since only the caller can resume."""
        headers = {"Accept": "text/csv", "Accept-Encoding": "gzip"}
        url = f"{self._api().base_url}{path}"
        return self._send("GET", url, path, params=dict(params), headers=headers, stream=True)

    def body(self, response: requests.Response) -> Iterator[bytes]:
        """The bytes of a streamed answer, as they come; raises `RetryLater` or `BadAnswer` when it breaks off."""
        deadline = Deadline(self.clock, _DOWNLOAD_SECONDS)
        while True:
            deadline.check()
            try:
                chunk: bytes = response.raw.read1(_CHUNK, decode_content=True)
            except (HTTPError, OSError) as error:
                raise classify_failure(error) from error
            if not chunk:
                return
            yield chunk

    def quota(self) -> QuotaPolicy:
        """The org's daily API quota, shared by everything that talks to it."""
        holder = f"salesforce:{self._grants.current().host}"
        limits = self.settings.limits
        return QuotaPolicy(holder, "daily API requests", limits.daily, _DAY, limits.reserve)

    def quota_left(self) -> int | None:
        """Requests left of the whole quota, as far as it is known."""
        return self._budget.remaining(self.quota())

    def retrying(self, call: Callable[[], Any]) -> Any:
        """Run a read of several steps under the one retry layer."""
        return self._retrier.read(call)

    def close(self) -> None:
        """Give the connections back."""
        self._sessions.close()

    def _read(self, call: Callable[[_Org], Any], what: str) -> dict[str, Any]:
        def attempt() -> dict[str, Any]:
            page = call(self._api())
            rows = page.get("records") if isinstance(page, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise BadAnswer(f"{what} was answered without records.", sent=True)
            if not isinstance(page.get("totalSize", 0), int):
                raise BadAnswer(f"{what} was answered with a total that is no number.", sent=True)
            found: dict[str, Any] = page
            return found

        result: dict[str, Any] = self._retrier.read(attempt)
        return result

    def _send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        **kwargs: Any,
    ) -> requests.Response:
        """One exchange, repeated once with the same headers when the session had expired."""
        grant = self._grants.current()
        try:
            return self._exchange(grant, method, url, what, headers or {}, stream=stream, **kwargs)
        except SessionExpired as expired:
            renewed = self._grants.renewed(grant, expired)
        try:
            return self._exchange(renewed, method, url, what, headers or {}, stream=stream, **kwargs)
        except SessionExpired as expired:
            raise CredentialsError(
                f"Salesforce refuses a session that was just opened: {expired.message}", hint=expired.hint
            ) from expired

    def _exchange(
        self, grant: Grant, method: str, url: str, what: str, extra: Mapping[str, str], *, stream: bool, **kwargs: Any
    ) -> requests.Response:
        self._asking.permit = self._budget.acquire(self.quota())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {grant.token}", **extra}
        asked = urlsplit(url)
        target = f"https://{grant.host}{asked.path}" + (f"?{asked.query}" if asked.query else "")
        session = self._sessions.mine()
        with self.meter.request(method, asked.path) as answered:
            response = session.request(method, target, headers=headers, stream=stream, allow_redirects=False, **kwargs)
            answered(response.status_code)
        if stream and response.status_code < 300:
            return response
        try:
            raise_for(self._settled(response, stream=stream), what, self.redact, self.clock)
        except ConnectorError as error:
            self._note(error)
            raise
        return response

    def _settled(self, response: requests.Response, *, stream: bool) -> Answer:
        if not stream:
            return _answer(response)
        deadline = Deadline(self.clock, self.timeouts.total)
        try:
            return read_answer(
                response.status_code, response.headers, response.raw, deadline=deadline, cap=LARGEST_BODY
            )
        finally:
            response.close()

    def _note(self, error: ConnectorError) -> None:
        """Let all processes of this org know about a refusal that concerns them."""
        if isinstance(error, Throttled):
            self.meter.throttle()
            self._budget.pause(self.quota(), error.wait or _PAUSE_WHEN_THROTTLED)
        elif isinstance(error, QuotaExhausted) and error.resets_in is None:
            self._budget.pause(self.quota(), _PAUSE_WHEN_EXHAUSTED)
            error.resets_in = _PAUSE_WHEN_EXHAUSTED

    def _observe(self, headers: Mapping[str, str], sent_at: datetime) -> None:
        served_at = moments.of_http_date(headers.get("date"))
        # Compared with the moment of sending, so that a slow way back never sets Salesforce's clock back; an answer
        # that was long in the making tells too little.
        if served_at is not None and self.clock.now() - sent_at <= _PROMPT:
            self._ahead = served_at - sent_at
        usage = api_usage(headers.get("sforce-limit-info"))
        if usage is not None and self._grants.known() is not None:
            used, limit = usage
            permit, self._asking.permit = getattr(self._asking, "permit", None), None
            if permit is not None:
                permit.answered()
            self._budget.observe(self.quota(), limit=limit, remaining=max(0, limit - used), permit=permit)

    def _api(self) -> _Org:
        grant = self._grants.current()
        with self._org_lock:
            if self._org is None:
                self._org = _Org(self._send, self._sessions.mine(), self.version, grant.host)
            return self._org

    def _log_in(self) -> Grant:
        grant = log_in(self.settings, self._sessions.mine(), self.redact)
        self._adapter.route(grant.host, grant.origin)
        return grant


def _next_link(page: Mapping[str, Any]) -> str | None:
    """Where a query goes on behind `page`, or None at its end; raises `BadAnswer` when it goes on nowhere."""
    link = page.get("nextRecordsUrl")
    if page.get("done", link is None):
        return None
    if not isinstance(link, str):
        raise BadAnswer("A query says that it has more rows, but not where.", sent=True)
    return link


def _answer(response: requests.Response) -> Answer:
    """A response that the transport has read already."""
    return Answer(response.status_code, lower_headers(response.headers), response.content, proven=True)


def _secrets(settings: SalesforceSettings) -> list[str]:
    values = settings.auth.model_dump()
    return [value.get_secret_value() for value in values.values() if hasattr(value, "get_secret_value")]
