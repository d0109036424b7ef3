"""A proxy that breaks answers: reset, cut off, dripping, stalled, replaced; or that lets things happen first."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Breakage = Literal["reset_before", "reset_within", "reset_after", "cut", "drip", "stall", "replace", "meanwhile"]
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
    seen: int = 0

    def strikes(self, line: bytes) -> bool:
        """Count a request if it matches, and say whether its answer is broken."""
        if not self.path.search(line):
            return False
        self.seen += 1
        return self.seen >= self.nth and (not self.times or self.seen < self.nth + self.times)


class ChaosProxy:
    """Hands each request to a server of this machine and its answer back, as `rule` allows."""

    def __init__(self, upstream: str) -> None:
        self.rule: Rule | None = None
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
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                continue
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; says whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        rule = self.rule if self.rule is not None and self.rule.strikes(head.partition(b"\r\n")[0]) else None
        if rule is not None and rule.kind == "reset_before":
            _reset(writer)
            return False
        if rule is not None:
            rule.happens()
        answer = rule.answer if rule is not None and rule.kind == "replace" else await self._upstream(head, body)
        if rule is None or rule.kind in ("replace", "reset_after", "meanwhile"):
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
        return _CLOSES.sub(b"", shown) + b"\r\n\r\n" + content  # towards the client the connection stays open

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
