"""Slack, Microsoft Teams and a program that takes signed webhooks, on loopback, as their documents say; no kinder.

Each keeps what arrived. `faults` are what happens to the next requests instead: an answer, `HANG`, or `DROP` (the
request is taken and carried out, and no answer comes).
"""

from __future__ import annotations

import base64
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

HANG, DROP = "hang", "drop"
SECRET = "a-secret-of-the-webhook"
TOKEN = "xoxb-1-a-token-of-a-bot"
CHANNEL = "C0123456789"
CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receivers:
    """What arrived (`taken`, by kind), every request, and what goes wrong next."""

    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    taken: dict[str, list[Any]] = field(default_factory=lambda: {"slack": [], "teams": [], "webhook": []})
    faults: list[Reply | str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        host = "127.0.0.1" if self.scheme == "http" else "localhost"
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def slack_hook(self) -> str:
        return self.url("/services/T000/B000/a-secret-of-slack")

    @property
    def teams_hook(self) -> str:
        return self.url("/workflows/invoke?sig=a-secret-of-teams")

    def texts(self) -> list[str]:
        """The lines by which Slack notifies, of every message that it took."""
        return [one["text"] for one in self.taken["slack"]]

    def answer(self, request: Request) -> Reply:
        """What the service of this path answers, and what it keeps."""
        if request.path.startswith("/services/"):
            return self._slack_hook(request)
        if request.path.startswith("/api/"):
            return self._slack_api(request)
        return self._teams(request) if request.path.startswith("/workflows/") else self._webhook(request)

    def _slack_hook(self, request: Request) -> Reply:
        wrong = message_fault(request)
        if wrong:
            return Reply(400, wrong.encode())
        self.taken["slack"].append(request.json)
        return Reply(200, b"ok")

    def _slack_api(self, request: Request) -> Reply:
        def said(**answer: Any) -> Reply:
            return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json; charset=utf-8"})

        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return said(ok=False, error="invalid_auth")
        if request.path == "/api/users.lookupByEmail":
            (email,) = parse_qs(request.body.decode())["email"]
            known = self.users.get(email.lower())
            return said(ok=True, user={"id": known}) if known else said(ok=False, error="users_not_found")
        if request.path != "/api/chat.postMessage":
            return said(ok=False, error="unknown_method")
        wrong = message_fault(request)
        if wrong:
            return said(ok=False, error={"invalid_payload": "invalid_blocks"}.get(wrong, wrong))
        if request.json.get("channel") != CHANNEL:
            return said(ok=False, error="channel_not_found")
        self.taken["slack"].append(request.json)
        return said(ok=True, channel=CHANNEL, ts=f"{time.time():.6f}")

    def _teams(self, request: Request) -> Reply:
        try:
            data = request.json
        except ValueError:
            return Reply(400)
        cards = [one for one in data.get("attachments", []) if one.get("contentType") == CARD]
        # The answer comes before anybody looks at the card: one that is wrong or too large is never seen again.
        if data.get("type") == "message" and cards and len(request.body) <= 28 * 1024 and card_is_right(cards[0]):
            self.taken["teams"].append(data)
        return Reply(202)

    def _webhook(self, request: Request) -> Reply:
        key, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        signed = f"{key}.{at}.".encode() + request.body
        wanted = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        if f"v1,{wanted}" not in request.headers.get("webhook-signature", "").split(" "):
            return Reply(401)
        if abs(time.time() - int(at)) > 300 and "unchecked" not in request.path:
            return Reply(400)
        if key not in self.seen:
            self.seen.add(key)
            self.taken["webhook"].append(request.json)
        return Reply(204)


def message_fault(request: Request) -> str | None:
    """What Slack finds wrong with a message: its words for it."""
    try:
        data = request.json if request.headers.get("content-type", "").startswith("application/json") else None
    except ValueError:
        data = None
    if data is None:
        return "invalid_payload"
    if not data.get("text") and not data.get("blocks"):
        return "no_text"
    blocks = data.get("blocks", [])
    if len(blocks) > 50 or len(data.get("text", "")) > 40_000:
        return "invalid_payload"
    for block in blocks:
        text = block.get("text", {}).get("text", "x")
        if not text or len(text) > {"header": 150, "section": 3000}.get(block["type"], 3000):
            return "invalid_payload"
    long = sum(len(json.dumps(one, ensure_ascii=False)) for one in blocks) > 13_200
    return "msg_blocks_too_long" if long else None


def card_is_right(attachment: Any) -> bool:
    """Whether Teams shows a card: its version, and text in everything that has one."""
    card = attachment["content"]
    inlines = [run for block in card["body"] if block["type"] == "RichTextBlock" for run in block["inlines"]]
    return card["type"] == "AdaptiveCard" and card["version"] <= "1.5" and all(run["text"] for run in inlines)


@contextmanager
def receivers(certificate: Path | None = None) -> Iterator[Receivers]:
    """The services, for the duration of a block; over TLS with a file that has a certificate and its key."""
    kept = Receivers(scheme="http" if certificate is None else "https")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, self.rfile.read(length), time.monotonic())
            kept.requests.append(request)
            fault = kept.faults.pop(0) if kept.faults else None
            if fault == HANG:
                kept.over.wait(30)
            if fault in (HANG, DROP):
                if fault == DROP:
                    kept.answer(request)
                self.close_connection = True
                return
            reply = fault if isinstance(fault, Reply) else kept.answer(request)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gave up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        kept.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
