"""Counts the requests of one connection."""

from __future__ import annotations

from threading import Lock

from connectors.base import Usage


class Meter:
    """Thread-safe counters behind `Connector.usage`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests = self._throttled = self._retried = 0

    def request(self) -> None:
        """One request was sent."""
        with self._lock:
            self._requests += 1

    def throttle(self) -> None:
        """One request was refused for its rate."""
        with self._lock:
            self._throttled += 1

    def retry(self) -> None:
        """One request is about to be repeated."""
        with self._lock:
            self._retried += 1

    def usage(self) -> Usage:
        """The counts so far."""
        with self._lock:
            return Usage(self._requests, self._throttled, self._retried)
