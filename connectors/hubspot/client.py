"""One request to HubSpot, from quota to verdict: every call of this connector goes through here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from connectors.clock import Clock
from connectors.errors import (
    BadAnswer,
    ConfigError,
    ConnectorError,
    CredentialsError,
    MissingScope,
    QuotaExhausted,
    RecordRejected,
    RetryLater,
)
from connectors.http import Action, Answer, Rule, parse_json, retry_after
from connectors.hubspot.answers import NEEDS_ENVELOPE, TABLE, Envelope, NotFound, read_envelope
from connectors.hubspot.auth import TokenSource
from connectors.hubspot.quotas import Quotas
from connectors.hubspot.transport import Request, Transport
from connectors.meter import Meter
from connectors.redact import Redactor
from connectors.retry import Retrier, Throttled
from connectors.tokens import unsent

_LONGEST_RETRY_AFTER = 86_400.0
_SHORTEST_PAUSE = 1.0  # a Retry-After of zero must not make us hammer
_REFUSED = "HubSpot does not accept the access token: it was revoked, rotated, or is not the whole of it."
_CREDENTIALS_HINT = (
    "Put the app's access token where the configuration takes it from: `keepwell config check` shows where."
)


class RequestRefused(RecordRejected):
    """HubSpot refused a request as a whole; `envelope` says why."""

    def __init__(self, message: str, envelope: Envelope) -> None:
        first = envelope.problems[0] if envelope.problems else None
        super().__init__(message, code=first.code if first else "", field=first.property if first else None)
        self.envelope = envelope


class HubSpotClient:
    """Sends requests with a token, within the quotas, and turns answers into JSON or errors. Safe for threads."""

    def __init__(
        self,
        transport: Transport,
        tokens: TokenSource,
        quotas: Quotas,
        *,
        retrier: Retrier,
        clock: Clock,
        meter: Meter,
        redactor: Redactor,
    ) -> None:
        self.quotas = quotas
        self._transport = transport
        self._tokens = tokens
        self._retrier = retrier
        self._clock = clock
        self._meter = meter
        self._redactor = redactor
        self._skew = timedelta(0)

    def read(self, request: Request, *, check: Callable[[dict[str, object]], None] | None = None) -> dict[str, object]:
        """The JSON object of a request that changes nothing; retried, also when `check` raises `BadAnswer`.

        Raises `NotFound`, and `ConfigError` when HubSpot refuses the request.
        """

        def attempt() -> dict[str, object]:
            body = self.once(request)
            if check is not None:
                check(body)
            return body

        try:
            return self._retrier.read(attempt)
        except RequestRefused as error:
            raise ConfigError(error.message, hint="Check the mapped properties of this object.") from error

    def once(self, request: Request) -> dict[str, object]:
        """The JSON object of one attempt; `sent` of a raised error tells whether it may have had an effect.

        A refused token is renewed once: HubSpot did nothing for the request that carried it.
        """
        token = unsent(self._tokens.current)
        answer = self._send(request, token)
        if answer.status == 401 and unsent(lambda: self._tokens.renew(token)):
            answer = self._send(request, unsent(self._tokens.current))
        return self._judged(request, answer)

    def earliest_now(self) -> datetime:
        """The earlier one of our clock and HubSpot's: where a next window may safely begin."""
        return self._clock.now() - max(self._skew, timedelta(0))

    def latest_now(self) -> datetime:
        """The later one of our clock and HubSpot's: where a window may safely end."""
        return self._clock.now() - min(self._skew, timedelta(0))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _send(self, request: Request, token: str) -> Answer:
        permit = self.quotas.acquire(request.quota)
        try:
            with self._meter.request(request.method, request.path) as answered:
                answer = self._transport.send(request, token)
                answered(answer.status)
        except ConnectorError as error:
            error.message = f"HubSpot, {request.what}: {self._redactor(error.message)}"
            raise
        self.quotas.answered(permit, answer.headers)
        self._note_date(answer)
        return answer

    def clock_skew(self) -> float:
        """Seconds by which this machine's clock is ahead of HubSpot's, by the last answer; 0 within two seconds."""
        return self._skew.total_seconds()

    def _note_date(self, answer: Answer) -> None:
        try:
            said = parsedate_to_datetime(answer.headers["date"])
        except (KeyError, ValueError):
            return  # no date, no correction
        skew = self._clock.now() - said.replace(tzinfo=said.tzinfo or UTC)
        # The header is cut to whole seconds; a real difference of clocks is larger.
        self._skew = skew if abs(skew) > timedelta(seconds=2) else timedelta(0)

    def _judged(self, request: Request, answer: Answer) -> dict[str, object]:
        if 200 <= answer.status < 300:
            return {} if answer.status == 204 else parse_json(answer, f"HubSpot, {request.what}")
        envelope = read_envelope(answer)
        rule = TABLE.judge(answer.status, envelope.text if envelope else "")
        if envelope is None and rule.action in NEEDS_ENVELOPE:
            raise BadAnswer(
                f"HubSpot, {request.what}: status {answer.status} without HubSpot's error format.",
                hint="Check base_url and any proxy in between.",
                sent=True,
            )
        raise self._failure(request, answer, rule, envelope or Envelope())

    def _failure(self, request: Request, answer: Answer, rule: Rule, envelope: Envelope) -> ConnectorError:
        message = self._message(request, answer, envelope)
        failures: dict[Action, Callable[[], ConnectorError]] = {
            Action.WAIT: lambda: self._throttled(request, answer, rule, message),
            Action.STOP_UNTIL_RESET: lambda: self._exhausted(message),
            Action.RETRY: lambda: self._later(answer, rule, message),
            Action.FAIL_SCOPE: lambda: _missing_scope(message, envelope),
            Action.REFRESH_TOKEN: lambda: CredentialsError(f"{_REFUSED} {message}", hint=_CREDENTIALS_HINT),
            Action.NOT_FOUND: lambda: NotFound(message, code=envelope.category or "NOT_FOUND"),
            Action.SKIP_RECORD: lambda: RequestRefused(message, envelope),
            Action.FAIL_CONFIG: lambda: ConfigError(message, hint=rule.hint),
        }
        return failures.get(rule.action, lambda: BadAnswer(message, sent=True))()

    def _exhausted(self, message: str) -> QuotaExhausted:
        self._meter.throttle()
        hint = "The daily quota resets at midnight in the portal's time zone."
        return QuotaExhausted(message, resets_in=self.quotas.exhausted(), hint=hint)

    def _later(self, answer: Answer, rule: Rule, message: str) -> RetryLater:
        wait = retry_after(answer.headers, self._clock, cap=_LONGEST_RETRY_AFTER)
        return RetryLater(message, wait=wait if wait is not None else rule.wait, hint=rule.hint, sent=True)

    def _throttled(self, request: Request, answer: Answer, rule: Rule, message: str) -> Throttled:
        self._meter.throttle()
        wait = retry_after(answer.headers, self._clock, cap=60.0)
        seconds = max(wait if wait is not None else (rule.wait or 0.0), _SHORTEST_PAUSE)
        self.quotas.throttled(request.quota, seconds, secondly=rule.wait == 1.0)
        # The pause of the quota does the waiting, for every worker; nobody sleeps for it a second time.
        return Throttled(message, wait=0.0)

    def _message(self, request: Request, answer: Answer, envelope: Envelope) -> str:
        said = envelope.message or f"answered with status {answer.status}"
        reference = f" (correlation id {envelope.correlation_id})" if envelope.correlation_id else ""
        return self._redactor(f"HubSpot, {request.what}: {said.rstrip('. ')}{reference}.")


def _missing_scope(message: str, envelope: Envelope) -> MissingScope:
    needed = " or ".join(envelope.scopes)
    hint = f"Grant the scope {needed} to the app." if needed else "Grant the app the scope that this needs."
    return MissingScope(message, scopes=envelope.scopes, hint=hint)
