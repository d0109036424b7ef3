"""A download that runs ahead of the one who needs it, but never further than its room allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from threading import Condition, Thread

import requests

ROOM = 2**20
"""Bytes of a body, after decompression, that wait in memory for their reader."""

Open = Callable[[], requests.Response]
Body = Callable[[requests.Response], Iterator[bytes]]


class Ahead:
    """A response that a thread of its own opens and reads; what goes wrong there is raised where it is read here.

    Whoever asked for it must read it to its end or `close` it.
    """

    def __init__(self, open_: Open, body: Body, room: int = ROOM) -> None:
        self._open = open_
        self._body = body
        self._room = room
        self._changed = Condition()
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._headers: Mapping[str, str] | None = None
        self._error: BaseException | None = None
        self._over = self._closed = False
        Thread(target=self._run, name="salesforce-results", daemon=True).start()

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the response, once they are there; raises what opening it raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._headers is not None or self._over)
            if self._headers is not None:
                return self._headers
        raise self._error or RuntimeError("a download was closed before it began")

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the body as they come; raises what reading it raised, behind the bytes that came before."""
        while (chunk := self._next()) is not None:
            yield chunk

    def close(self) -> None:
        """Stop reading; what waits in memory is dropped."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._over)
            if self._chunks:
                chunk = self._chunks.popleft()
                self._held -= len(chunk)
                self._changed.notify_all()
                return chunk
            if self._error is not None:
                raise self._error
            return None

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._read()
        except BaseException as raised:  # noqa: BLE001  (raised again in the thread that reads)
            error = raised
        with self._changed:
            self._error, self._over = error, True
            self._changed.notify_all()

    def _read(self) -> None:
        response = self._open()
        try:
            with self._changed:
                self._headers = response.headers
                self._changed.notify_all()
            for chunk in self._body(response):
                if not self._put(chunk):
                    return
        finally:
            response.close()

    def _put(self, chunk: bytes) -> bool:
        """Hand a chunk over, waiting for room; False when nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._held < self._room)
            if self._closed:
                return False
            self._chunks.append(chunk)
            self._held += len(chunk)
            self._changed.notify_all()
            return True
