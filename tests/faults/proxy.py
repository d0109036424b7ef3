"""A proxy that breaks requests and answers: reset, cut off, dripping, stalled, late, lost, replaced.

Or it lets something happen first.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

Breakage = Literal[
    "reset_before", "reset_within", "reset_after", "cut", "drip", "stall", "replace", "meanwhile", "half_sent", "late",
    "lost",
]  # fmt: skip
"""Of the last three, half of a request arrives, all of it but after `seconds`, or its answer never comes back."""
_LENGTH = re.compile(rb"(?i)\r\n(?:content-length|transfer-encoding):[^\r]*")
_CLOSES = re.compile(rb"(?i)\r\nconnection:[^\r]*")


@dataclass(slots=True)
class Rule:
    """The answers to the requests whose line matches `path`, from the `nth` on, `times` of them (0: all)."""

    kind: Breakage
    path: re.Pattern[bytes]
    nth: int = 1
    times: int = 1
    answer: bytes = b""
    happens: Callable[[], object] = lambda: None
    seconds: float = 0.0
    seen: int = 0

    def strikes(self, line: bytes) -> Rule | None:
        """Count a request if it matches; returns itself when the request or its answer is to be broken."""
        if not self.path.search(line):
            return None
        self.seen += 1
        struck = self.seen >= self.nth and (not self.times or self.seen < self.nth + self.times)
        return self if struck else None


class Rules(Protocol):
    """Many rules, one of which may strike."""

    def strikes(self, line: bytes) -> Rule | None:
        """The rule for the request with this line, None when nothing happens to it."""
        ...


class ChaosProxy:
    """Hands each request to a server of this machine and its answer back, as `rule` allows."""

    def __init__(self, upstream: str) -> None:
        self.rule: Rule | None = None
        self.rules: Rules | None = None
        self.alters: Callable[[bytes], bytes] | None = None
        """Makes another body of the body of each answer."""
        self.url = ""
        self._port = urlsplit(upstream).port or 80
        self._loop = asyncio.new_event_loop()

    def breaks(self, kind: Breakage, path: str, *, nth: int = 1, times: int = 1, answer: bytes = b"") -> None:
        """Break answers from now on."""
        self.rule = Rule(kind, re.compile(path.encode()), nth, times, answer)

    def meanwhile(self, path: str, happens: Callable[[], object], *, nth: int = 1) -> None:
        """Let something happen in the CRM when a request has been sent and before it arrives."""
        self.rule = Rule("meanwhile", re.compile(path.encode()), nth, happens=happens)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                continue
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; says whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        rules = self.rule or self.rules
        rule = rules.strikes(head.partition(b"\r\n")[0]) if rules is not None else None
        if rule is not None and rule.kind in ("reset_before", "half_sent"):
            if rule.kind == "half_sent":
                await self._half_upstream(head, body)
            _reset(writer)
            return False
        if rule is not None:
            rule.happens()
            await asyncio.sleep(rule.seconds)
        answer = rule.answer if rule is not None and rule.kind == "replace" else await self._upstream(head, body)
        if rule is not None and rule.kind == "lost":
            _reset(writer)
            return False
        if rule is None or rule.kind in ("replace", "reset_after", "meanwhile", "late"):
            writer.write(answer)
            await writer.drain()
            if rule is not None and rule.kind == "reset_after":
                await asyncio.sleep(0.05)  # bytes that were not read when the reset comes would be lost with it
                _reset(writer)
                return False
            return True
        return await self._broken(rule, answer, reader, writer)

    async def _upstream(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_CLOSES.sub(b"", head).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body)
        answer = await reader.read()
        writer.close()
        shown, _, content = answer.partition(b"\r\n\r\n")
        if self.alters is not None:
            content = self.alters(content)
            shown = _LENGTH.sub(b"", shown) + b"\r\ncontent-length: %d" % len(content)
        return _CLOSES.sub(b"", shown) + b"\r\n\r\n" + content  # towards the client the connection stays open

    async def _half_upstream(self, head: bytes, body: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        sent = head + body
        writer.write(sent[: (len(sent) - 1) // 2 if not body else len(head) + len(body) // 2])
        await writer.drain()
        _reset(writer)

    @staticmethod
    async def _broken(rule: Rule, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head, _, content = answer.partition(b"\r\n\r\n")
        if rule.kind == "cut":
            head = _LENGTH.sub(b"", head) + b"\r\nConnection: close"
        if rule.kind == "drip":
            for number in range(len(content)):
                writer.write(content[number : number + 1] if number else head + b"\r\n\r\n" + content[:1])
                await writer.drain()
                await asyncio.sleep(0.02)
            return True
        writer.write(head + b"\r\n\r\n" + content[: len(content) // 2])
        await writer.drain()
        if rule.kind == "stall":
            await reader.read()  # until the client gives up
        if rule.kind == "reset_within":
            await asyncio.sleep(0.02)
            _reset(writer)
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    taken = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def chaos(upstream: str) -> Iterator[ChaosProxy]:
    """A proxy before a server of this machine, in a thread of its own."""
    proxy = ChaosProxy(upstream)
    loop = proxy._loop
    thread = threading.Thread(target=loop.run_forever, name="chaos", daemon=True)
    thread.start()
    listener = socket.create_server(("127.0.0.1", 0))
    proxy.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy._serve, sock=listener), loop).result(5)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
