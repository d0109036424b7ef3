"""Sends one request through hubspot-api-client's low-level client, with deadlines and caps that it does not have.

The client brings connection pool, URL building and authorisation. Its model building is skipped: it costs many
times the JSON parse. The pool below it is wrapped because the client reads an error body to its end, whatever
its size and however slowly it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.clock import Clock
from connectors.errors import ConnectorError
from connectors.http import Answer, Deadline, Timeouts, classify_failure, read_answer
from connectors.watchdog import guard

BODY_CAP = 64 * 2**20
"""Bytes; a page of 100 records with the longest possible texts stays far below."""

_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `quota` names the limits that it counts against, `form` replaces a JSON body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None
    form: tuple[tuple[str, str], ...] = ()
    quota: str = "burst"

    @property
    def what(self) -> str:
        """The request in words, for messages; queries may carry customers' data and are left out."""
        return f"{self.method} {self.path}"


class Transport(Protocol):
    """Sends a request once and reads the answer whole; raises `ConnectorError` when there is none."""

    def send(self, request: Request, token: str | None) -> Answer: ...

    def close(self) -> None: ...


class SdkTransport:
    """The transport of hubspot-api-client; one low-level client and pool per connection, safe for threads."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        timeouts: Timeouts | None = None,
        cap: int = BODY_CAP,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> None:
        from hubspot import HubSpot
        from hubspot.crm.companies.exceptions import ApiException

        self._timeouts = timeouts or Timeouts()
        self._api_exception: type[Any] = ApiException
        sdk = HubSpot(
            host=base_url,
            base_url=base_url,
            retry=False,
            connection_pool_maxsize=_CONNECTIONS,
            ssl_ca_cert=ca_file,
            proxy=proxy,
        )
        # Each attribute access of the client builds a new pool; this is the one that the connection keeps.
        self._api = sdk.crm.companies.basic_api.api_client
        self._pool = self._api.rest_client.pool_manager
        guard(self._pool, self._timeouts.total)
        self._api.rest_client.pool_manager = _BoundedPool(self._pool, clock, self._timeouts.total, cap)

    def send(self, request: Request, token: str | None) -> Answer:
        """The answer, whatever its status; raises `Unreachable`, `RetryLater` or `BadAnswer`."""
        headers = {"Accept": "application/json", "User-Agent": "keepwell"}
        headers["Content-Type"] = "application/x-www-form-urlencoded" if request.form else "application/json"
        auth = {"type": "oauth2", "in": "header", "key": "Authorization", "value": f"Bearer {token}"}
        try:
            response = self._api.call_api(
                request.path,
                request.method,
                query_params=list(request.query),
                header_params=headers,
                body=request.body,
                post_params=list(request.form),
                auth_settings=["oauth2"] if token else [],
                _request_auth=auth if token else None,
                _preload_content=False,
                _request_timeout=(self._timeouts.connect, self._timeouts.read),
            )
        except self._api_exception as error:
            return Answer(error.status, error.headers, (error.body or "").encode(), proven=True)
        answer: Answer = response.answer
        return answer

    def close(self) -> None:
        """Close the pool's connections."""
        self._pool.clear()
        self._api.close()


class _BoundedPool:
    """A urllib3 pool whose responses are read at once, under one deadline and one size cap, without redirects."""

    def __init__(self, pool: Any, clock: Clock, total: float, cap: int) -> None:
        self._pool = pool
        self._clock = clock
        self._total = total
        self._cap = cap

    def request(self, method: str, url: str, **options: Any) -> _ReadResponse:
        options |= {"preload_content": False, "redirect": False, "retries": False}
        deadline = Deadline(self._clock, self._total)
        response = _classified(lambda: self._pool.request(method, url, **options))
        try:
            answer = read_answer(response.status, response.headers, response, deadline=deadline, cap=self._cap)
        except ConnectorError:
            response.close()  # what is left of the body must not be read as the next answer
            raise
        response.release_conn()
        return _ReadResponse(answer, response.reason)


class _ReadResponse:
    """What hubspot-api-client expects of a response, already read."""

    def __init__(self, answer: Answer, reason: str | None) -> None:
        self.answer = answer
        self.status = answer.status
        self.reason = reason
        # The client decodes the body of an error as UTF-8 without asking.
        self.data = answer.body.decode("utf-8", "replace").encode()

    def getheaders(self) -> Mapping[str, str]:
        return self.answer.headers


def _classified(call: Callable[[], Any]) -> Any:
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except (HTTPError, OSError) as error:
        raise classify_failure(error) from error
