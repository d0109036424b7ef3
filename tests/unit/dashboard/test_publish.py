"""Metrics leave a run that is over, and nothing that happens to them there is felt by it."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from config.observing import Metrics
from dashboard.publish import publish
from store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/keepwell.db", "acme", create=True)
    yield opened
    opened.close()


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as dictionaries."""
    with structlog.testing.capture_logs() as captured:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
        yield captured
    structlog.reset_defaults()


class Gateway:
    """A push gateway on loopback that remembers what it was sent, and answers with one status."""

    def __init__(self, status: int) -> None:
        self.took: list[tuple[str, str, str | None, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.took.append((self.command, self.path, self.headers.get("Authorization"), body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def gateway(status: int = 200) -> Iterator[Gateway]:
    made = Gateway(status)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def test_nothing_is_done_where_nothing_is_configured(store: Store, logged: list[dict[str, Any]]) -> None:
    publish(Metrics(), store)
    assert logged == []


def test_the_textfile_is_whole_and_nothing_is_left_beside_it(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "out" / "keepwell.prom"
    place.parent.mkdir()
    place.write_text("old")
    publish(Metrics(textfile=place), store)
    assert 'keepwell_last_success_timestamp_seconds{command="sync",workspace="acme"} 0.0' in place.read_text()
    assert [file.name for file in place.parent.iterdir()] == [place.name]


def test_a_textfile_that_cannot_be_written_is_a_line_in_the_log(
    store: Store, tmp_path: Path, logged: list[dict[str, Any]]
) -> None:
    publish(Metrics(textfile=tmp_path / "nowhere" / "keepwell.prom"), store)
    assert [(line["event"], line["log_level"]) for line in logged] == [("metrics.not_written", "warning")]
    assert "No such file or directory" in logged[0]["reason"]


def test_the_gateway_gets_the_metrics_of_the_workspace(store: Store, logged: list[dict[str, Any]]) -> None:
    with gateway() as taking:
        wanted = Metrics(push_gateway=taking.url, push_username="ops", push_password=SecretStr("canary-secret"))
        publish(wanted, store)
    ((verb, path, authorization, body),) = taking.took
    assert (verb, path) == ("PUT", "/metrics/job/keepwell/workspace/acme")
    assert authorization == "Basic " + base64.b64encode(b"ops:canary-secret").decode()
    assert b"keepwell_build_info{" in body
    assert logged == []


def test_a_gateway_that_refuses_is_a_line_in_the_log(store: Store, logged: list[dict[str, Any]]) -> None:
    with gateway(500) as refusing:
        publish(Metrics(push_gateway=refusing.url), store)
    assert [line["event"] for line in logged] == ["metrics.not_pushed"]
    assert "500" in logged[0]["reason"]


def test_a_gateway_that_is_not_there_is_a_line_in_the_log(store: Store, logged: list[dict[str, Any]]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        publish(Metrics(push_gateway=f"http://127.0.0.1:{nobody.getsockname()[1]}"), store)
    assert [line["event"] for line in logged] == ["metrics.not_pushed"]
    assert "refused" in logged[0]["reason"]


def test_a_gateway_that_never_answers_holds_nobody_up(store: Store, logged: list[dict[str, Any]]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        before = time.monotonic()
        publish(Metrics(push_gateway=f"http://127.0.0.1:{deaf.getsockname()[1]}", push_seconds=0.3), store)
        assert time.monotonic() - before < 10
    assert [line["event"] for line in logged] == ["metrics.not_pushed"]


def test_a_store_that_is_gone_is_a_line_in_the_log(store: Store, tmp_path: Path, logged: list[dict[str, Any]]) -> None:
    place = tmp_path / "keepwell.prom"
    store.close()
    (tmp_path / "keepwell.db").write_bytes(b"no database" * 1000)
    publish(Metrics(textfile=place), store)
    assert [line["event"] for line in logged] == ["metrics.not_written"]
    assert not place.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"textfile": "/var/lib/keepwell.txt"}, "must end in .prom"),
        ({"push_gateway": "pushgateway:9091"}, "must be an address"),
        ({"push_gateway": "http://a:b@gateway"}, "push_username"),
        ({"push_gateway": "http://gateway:9091", "push_username": "u", "push_password": "p"}, "https only"),
        ({"push_gateway": "https://gateway", "push_username": "u"}, "go together"),
        ({"push_gateway": "https://gateway", "push_seconds": 0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Metrics.model_validate(given)
