"""One door to a tenant: credentials, quota, retries and the meaning of answers. Safe for threads."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests

from connectors.budget import Budget, QuotaPolicy
from connectors.clock import Clock
from connectors.errors import BadAnswer, ConnectorError, QuotaExhausted, RecordRejected
from connectors.gainsight.answers import Envelope, Refused401, envelope_of, failure, read_envelope
from connectors.gainsight.auth import TOKEN_PATH, Credentials, credentials
from connectors.gainsight.settings import GainsightSettings
from connectors.http import Answer, Timeouts, lower_headers, parse_json
from connectors.meter import Meter
from connectors.redact import Redactor
from connectors.retry import Retrier, Throttled
from connectors.session import RoutedAdapter, Sessions
from connectors.tokens import unsent

_MINUTE, _DAY = 60.0, 86_400.0
_JITTER = 3.0  # seconds behind the full minute: all that wait for it would else come at once
_PATIENCE = 3
"""Minutes in a row that may refuse us: a quota of a minute does not do that, so it is the day's."""
_PAUSE_WHEN_EXHAUSTED = 900.0
_TIMELINE = "/v1/ant/es/"
"""What paths of the timeline's own calls begin with."""


class GainsightClient:
    """Calls to one tenant. Reads are tried again, writes are sent once; refused credentials are renewed once a call."""

    def __init__(
        self,
        settings: GainsightSettings,
        *,
        budget: Budget,
        clock: Clock,
        sleep: Callable[[float], None],
        meter: Meter | None = None,
        jitter: Callable[[float], float] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.redact = Redactor()
        self.meter = meter or Meter()
        self.host = urlsplit(settings.base_url.strip()).netloc.lower()
        self._budget = budget
        self._jitter = jitter or (lambda most: random.uniform(0, most))
        self._retrier = Retrier(sleep, jitter=jitter, on_retry=self.meter.retry)
        adapter = RoutedAdapter(clock, Timeouts(**settings.timeouts.model_dump()), self._note_date)
        adapter.route(self.host, settings.base_url.strip().rstrip("/"))
        self._sessions = Sessions(adapter, ca_file=settings.ca_file, proxy=settings.proxy)
        self._credentials: Credentials = credentials(settings, self._ask_for_token, clock=clock, redactor=self.redact)
        self._lock = Lock()
        self._holder = _fingerprint(_address(settings.base_url))
        self._behind = timedelta(0)  # of Gainsight's clock before ours; whoever learned last is right enough
        self._refusing: set[int] = set()  # minutes in which we were throttled since a request was looked at

    def read(self, method: str, path: str, what: str, *, body: object = None) -> Envelope:
        """A call that changes nothing; a refusal that says that there is nothing comes back as an envelope."""
        return self._retrier.read(lambda: self._once(method, path, what, body))

    def send(self, method: str, path: str, what: str, *, body: object) -> Envelope:
        """One attempt at a call that changes something; `sent` of an error tells whether it may have been done."""
        return self._once(method, path, what, body)

    def known_as(self, tenant: str) -> None:
        """Count against `tenant` from now on, and what was asked before: the quota is not the address's, but its."""
        holder = _fingerprint(tenant)
        with self._lock:
            if holder == self._holder:
                return
            self._holder, asked = holder, self.meter.usage().requests
        self._budget.acquire(*self._quotas(), cost=asked).answered()

    def earliest_now(self) -> datetime:
        """The earlier one of our clock and Gainsight's: where a next window may safely begin."""
        return self.clock.now() - max(self._behind, timedelta(0))

    def clock_skew(self) -> float:
        """Seconds of our clock before Gainsight's."""
        return self._behind.total_seconds()

    def quota_left(self) -> int | None:
        """Requests left of the day by our own count; other integrations draw on it as well."""
        return self._budget.remaining(self._quotas()[1])

    def close(self) -> None:
        """Give the connections back."""
        self._sessions.close()

    def _once(self, method: str, path: str, what: str, body: object) -> Envelope:
        secret = unsent(self._credentials.current)
        try:
            return self._exchange(method, path, what, body, secret)
        except Refused401:
            if not unsent(lambda: self._credentials.renew(secret)):
                raise
        return self._exchange(method, path, what, body, unsent(self._credentials.current))

    def _exchange(self, method: str, path: str, what: str, body: object, secret: str) -> Envelope:
        what = f"Gainsight, {what},"
        name, value = self._credentials.header(secret)
        headers = {name: value, "Content-Type": "application/json", "Accept": "application/json"}
        try:
            answer = self._answer(method, path, headers, json=body)
            return self._judged(answer, what)
        except ConnectorError as error:
            error.message = self.redact(error.message if error.message.startswith(what) else f"{what} {error.message}")
            error.args = (error.message,)
            self._note(error, path)
            raise

    def _judged(self, answer: Answer, what: str) -> Envelope:
        if not 200 <= answer.status < 300:
            envelope = read_envelope(answer)
            if envelope is not None and envelope.empty and answer.status == 400:
                return envelope
            raise failure(answer, envelope, what)
        found = envelope_of(parse_json(answer, what))
        if found is None:
            raise BadAnswer(f"{what} was answered without Gainsight's envelope.", hint="Check base_url.", sent=True)
        if found.result is not True and not found.empty:
            raise failure(answer, found, what)
        self._admitted()
        return found

    def _answer(self, method: str, path: str, headers: Mapping[str, str], **kwargs: Any) -> Answer:
        permit = self._budget.acquire(*self._quotas(path))
        with self.meter.request(method, path) as answered:
            response: requests.Response = self._sessions.mine().request(
                method, f"https://{self.host}{path}", headers={**headers, "User-Agent": "keepwell"},
                allow_redirects=False, **kwargs,
            )  # fmt: skip
            answered(response.status_code)
        permit.answered()
        return Answer(response.status_code, lower_headers(response.headers), response.content, proven=True)

    def _ask_for_token(self, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        answer = self._answer("POST", TOKEN_PATH, {**headers, "Accept": "application/json"}, data=dict(form))
        if answer.status == 429:
            error = failure(answer, read_envelope(answer), "Gainsight, the purchase of an access token,")
            self._note(error, TOKEN_PATH)
            raise error
        return answer

    def _quotas(self, path: str = "") -> tuple[QuotaPolicy, QuotaPolicy]:
        """What a request counts against: the tenant's minute, of which timelines have one of their own, and day."""
        limits, tenant = self.settings.limits, self._holder
        timed = path.startswith(_TIMELINE)
        name, number = ("timeline", limits.timeline_per_minute) if timed else ("minutely", limits.per_minute)
        return (
            QuotaPolicy(tenant, name, number, _MINUTE, limits.minute_reserve),
            QuotaPolicy(tenant, "daily", limits.daily, _DAY, limits.reserve),
        )

    def _note(self, error: ConnectorError, path: str) -> None:
        """Let everybody who draws on the tenant's quota know that it is used up."""
        minutely, daily = self._quotas(path)
        if isinstance(error, Throttled):
            self.meter.throttle()
            self._budget.pause(minutely, self._to_next_minute())
            error.wait = 0.0  # the pause does the waiting, for every thread; nobody sleeps for it twice
            if self._is_the_day():
                self._budget.pause(daily, _PAUSE_WHEN_EXHAUSTED)
                raise QuotaExhausted(
                    f"{error.message} It was so for {_PATIENCE} minutes in a row: the day's quota is used up.",
                    resets_in=_PAUSE_WHEN_EXHAUSTED,
                    hint="The next scheduled run goes on from here.",
                ) from error
        elif isinstance(error, QuotaExhausted) and error.resets_in is None:
            self.meter.throttle()
            self._budget.pause(daily, _PAUSE_WHEN_EXHAUSTED)
            error.resets_in = _PAUSE_WHEN_EXHAUSTED
        elif isinstance(error, RecordRejected):
            self._admitted()

    def _to_next_minute(self) -> float:
        """Seconds to the next full minute of Gainsight's clock, whose windows are fixed, and a little more."""
        theirs = self.clock.now() - self._behind
        return _MINUTE - theirs.timestamp() % _MINUTE + self._jitter(_JITTER)

    def _is_the_day(self) -> bool:
        with self._lock:
            self._refusing.add(int((self.clock.now() - self._behind).timestamp() // _MINUTE))
            return len(self._refusing) >= _PATIENCE

    def _admitted(self) -> None:
        """A request was looked at, done or not: there is quota."""
        with self._lock:
            self._refusing.clear()

    def _note_date(self, headers: Mapping[str, str], sent_at: datetime) -> None:
        with suppress(ValueError, TypeError):  # no date, no correction
            said = parsedate_to_datetime(headers.get("date", ""))
            skew = sent_at - said.replace(tzinfo=said.tzinfo or UTC)
            # The header is cut to whole seconds; a real difference of clocks is larger.
            self._behind = skew if abs(skew) > timedelta(seconds=2) else timedelta(0)


def _address(url: str) -> str:
    """One form for every spelling of an address: no case, no port that goes without saying, no dot at the end."""
    parts = urlsplit(url.strip())
    usual = {"https": 443, "http": 80}.get(parts.scheme.lower())
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{(parts.hostname or '').rstrip('.')}{port}"


def _fingerprint(tenant: str) -> str:
    """The holder of a quota as the store keeps it: an address may tell who the customer is, this does not."""
    return "gainsight:" + hashlib.sha256(tenant.encode()).hexdigest()[:16]
