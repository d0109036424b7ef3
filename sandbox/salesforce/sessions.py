"""Access tokens: who they stand for, how long they last, and how many requests the org has served in 24 hours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from sandbox.salesforce.errors import ApiError

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Session:
    """A login that is still good; `expires_at` is None for the raw sessions of the options."""

    token: str
    user_id: str
    expires_at: datetime | None


class Sessions:
    """Issues and checks access tokens."""

    def __init__(self, org_id: str, clock: Callable[[], datetime], ttl: timedelta) -> None:
        self._prefix = org_id[:15]
        self._clock = clock
        self._ttl = ttl
        self._numbers = count(1)
        self._sessions: dict[str, Session] = {}
        self._bad: set[str] = set()

    def issue(self, user_id: str) -> Session:
        """Open a session for a user."""
        token = f"{self._prefix}!AQ{next(self._numbers):06d}.sandbox"
        session = Session(token, user_id, self._clock() + self._ttl)
        self._sessions[token] = session
        return session

    def admit(self, token: str, user_id: str) -> None:
        """Accept a fixed token that does not expire."""
        self._sessions[token] = Session(token, user_id, None)

    def expire_all(self) -> int:
        """End every session now and return how many there were."""
        ended = len(self._sessions)
        self._sessions.clear()
        return ended

    def spoil(self, token: str | None = None) -> int:
        """Make sessions unusable in a way that a new login does not cure; returns how many."""
        tokens = [token] if token else list(self._sessions)
        self._bad.update(tokens)
        return len(tokens)

    def revoke(self, token: str) -> bool:
        """End one session; False if there was none."""
        return self._sessions.pop(token, None) is not None

    def check(self, header: str | None) -> Session:
        """Return the session of an Authorization header; raises ApiError 401."""
        scheme, _, token = (header or "").strip().partition(" ")
        if token in self._bad:
            raise ApiError(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
        session = self._sessions.get(token) if scheme.lower() in {"bearer", "oauth"} else None
        if session is None or (session.expires_at is not None and session.expires_at <= self._clock()):
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return session


class Usage:
    """The org's request count over a rolling day, kept by the minute."""

    def __init__(self, clock: Callable[[], datetime], limit: int, used: int = 0) -> None:
        self.limit = limit
        self._clock = clock
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._total = 0
        if used:
            self.spend(used)

    def spend(self, number: int) -> None:
        """Count requests of this or of another app."""
        minute = self._clock().replace(second=0, microsecond=0)
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + number)
        else:
            self._minutes.append((minute, number))
        self._total += number

    @property
    def used(self) -> int:
        """Requests in the last 24 hours."""
        oldest = self._clock() - _DAY
        while self._minutes and self._minutes[0][0] <= oldest:
            self._total -= self._minutes.popleft()[1]
        return self._total

    def count(self) -> None:
        """Count one request; raises ApiError 403 when none is left."""
        if self.used >= self.limit:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.spend(1)
