from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.clock import SystemClock
from connectors.errors import BadAnswer, RetryLater, Unreachable
from connectors.http import Timeouts
from connectors.hubspot.transport import Request, SdkTransport
from tests.unit.connectors.kit import http, raw_server

GET = Request("GET", "/crm/v3/objects/companies", (("limit", "100"), ("properties", "name,domain")))


def transport(url: str, *, total: float = 5.0, cap: int = 2**20) -> SdkTransport:
    return SdkTransport(url, clock=SystemClock(), timeouts=Timeouts(1, 1, total), cap=cap)


def send(url: str, request: Request = GET, **options: float) -> tuple[int, bytes]:
    wire = transport(url, **options)  # type: ignore[arg-type]
    try:
        answer = wire.send(request, "token-1")
        return answer.status, answer.body
    finally:
        wire.close()


def test_the_request_carries_token_query_and_json():
    with raw_server(lambda peer, _: peer.sendall(http(b'{"ok": true}'))) as (url, requests):
        assert send(url) == (200, b'{"ok": true}')
        assert send(url, Request("POST", "/x", body={"inputs": []}))[0] == 200
    assert requests[0].startswith(b"GET /crm/v3/objects/companies?limit=100&properties=name%2Cdomain HTTP/1.1")
    assert b"Authorization: Bearer token-1" in requests[0]
    assert requests[1].startswith(b"POST /x HTTP/1.1")
    assert requests[1].endswith(b'{"inputs": []}')


def test_many_requests_share_one_connection():
    """Each typed client of hubspot-api-client would open a pool of its own."""
    peers: set[tuple[str, int]] = set()

    class Counting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            peers.add(self.client_address)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        wire = transport(f"http://127.0.0.1:{server.server_port}")
        assert [wire.send(GET, "t").body for _ in range(10)] == [b"{}"] * 10
        wire.close()
        server.shutdown()
    assert len(peers) == 1


def test_a_form_is_sent_without_a_token():
    with raw_server(lambda peer, _: peer.sendall(http(b"{}"))) as (url, requests):
        wire = transport(url)
        wire.send(Request("POST", "/oauth/v3/token", form=(("grant_type", "refresh_token"),)), None)
        wire.close()
    assert b"Authorization" not in requests[0]
    assert requests[0].endswith(b"grant_type=refresh_token")


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "502 Bad Gateway", "207 Multi"]
)
def test_every_status_is_an_answer(status: str):
    with raw_server(lambda peer, _: peer.sendall(http(b'{"a": 1}', status=status))) as (url, _requests):
        assert send(url) == (int(status[:3]), b'{"a": 1}')


def test_an_error_page_in_another_encoding_is_an_answer():
    with raw_server(lambda peer, _: peer.sendall(http(b"<p>\xff\xfe", status="502 Bad"))) as (url, _requests):
        assert send(url)[0] == 502


def test_redirects_are_not_followed():
    page = http(b"", status="302 Found", headers="Location: /elsewhere\r\n")
    with raw_server(lambda peer, _: peer.sendall(page)) as (url, requests):
        assert send(url)[0] == 302
    assert len(requests) == 1


@pytest.mark.parametrize("status", ["200 OK", "500 Internal"])
def test_a_body_shorter_than_announced_is_no_answer(status: str):
    page = http(b'{"results": []}', status=status).replace(b"Content-Length: 15", b"Content-Length: 99")
    with (
        raw_server(lambda peer, _: peer.sendall(page)) as (url, _requests),
        pytest.raises(BadAnswer, match="too early"),
    ):
        send(url)


def test_a_chunked_body_that_breaks_off_is_no_answer():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        raw_server(lambda peer, _: peer.sendall(head + b'8\r\n{"a": 1}\r\n')) as (url, _requests),
        pytest.raises((BadAnswer, RetryLater)) as caught,
    ):
        send(url)
    assert caught.value.sent


def test_a_whole_chunked_body_is_proven():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw_server(lambda peer, _: peer.sendall(head + b'8\r\n{"a": 1}\r\n0\r\n\r\n')) as (url, _requests):
        wire = transport(url)
        answer = wire.send(GET, "t")
        wire.close()
    assert (answer.body, answer.proven) == (b'{"a": 1}', True)


@pytest.mark.parametrize("status", ["200 OK", "500 Internal"])
def test_a_dripping_body_is_given_up_at_the_total_deadline(status: str):
    def drip(peer: socket.socket, _head: bytes) -> None:
        peer.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 100000\r\n\r\n".encode())
        while True:
            peer.sendall(b"x")
            pause.wait(0.02)

    pause = threading.Event()
    with raw_server(drip) as (url, _requests), pytest.raises(RetryLater, match=r"after 0\.3 s"):
        send(url, total=0.3)


def test_dripping_headers_are_given_up_at_the_total_deadline():
    pause = threading.Event()

    def drip(peer: socket.socket, _head: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            peer.sendall(b"x")
            pause.wait(0.02)

    started = time.monotonic()
    with raw_server(drip) as (url, _requests), pytest.raises(RetryLater) as caught:
        send(url, total=0.3)
    assert caught.value.sent
    assert time.monotonic() - started < 30


def test_a_server_that_says_nothing_is_given_up():
    with (
        raw_server(lambda _peer, _head: threading.Event().wait(1.5) and None) as (url, _requests),  # type: ignore[func-returns-value]
        pytest.raises(RetryLater, match="in time") as caught,
    ):
        send(url)
    assert caught.value.sent


@pytest.mark.parametrize("status", ["200 OK", "500 Internal"])
def test_an_endless_body_is_not_read_to_its_end(status: str):
    with (
        raw_server(lambda peer, _: peer.sendall(http(b"x" * 300_000, status=status))) as (url, _requests),
        pytest.raises(BadAnswer, match="larger"),
    ):
        send(url, cap=100_000)


def test_a_refused_connection_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refuses connections") as caught:
        send(f"http://127.0.0.1:{port}")
    assert not caught.value.sent


def test_plain_http_on_a_tls_port_sent_nothing():
    with (
        raw_server(lambda peer, _: peer.sendall(http(b"{}"))) as (url, _requests),
        pytest.raises(Unreachable, match="TLS") as caught,
    ):
        send(url.replace("http:", "https:"))
    assert not caught.value.sent
