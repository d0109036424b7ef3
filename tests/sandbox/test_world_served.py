"""Both CRMs start together, from a block or from the command, show the same world, and go away cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.__main__ import main
from sandbox.serve import Portfolio, running
from sandbox.world.ids import hubspot_company_id, salesforce_account_id
from tests.children import child

TODAY = date(2026, 11, 22)


def test_linked_accounts_point_at_each_other(tmp_path: Path) -> None:
    with running(Portfolio(60, seed=3, today=TODAY), state_dir=tmp_path) as handle:
        assert handle.salesforce_url is not None
        assert handle.salesforce_access is not None
        companies = handle.hubspot.portal.stores["companies"].live
        links = {r.values["salesforceaccountid"] for r in companies.values() if "salesforceaccountid" in r.values}
        assert len(links) > 10
        assert links <= {salesforce_account_id(key) for key in range(61)}
        assert set(companies) <= {int(hubspot_company_id(key)) for key in range(61)}
        assert requests.get(handle.salesforce_url, timeout=60).status_code < 500
        key = Path(handle.salesforce_access.private_key_file)
        assert key.parent == tmp_path
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_the_servers_are_gone_after_the_block() -> None:
    with running(Portfolio(3, today=TODAY), salesforce=False) as handle:
        url = handle.hubspot_url
        assert requests.get(f"{url}/_sandbox/counts", timeout=60).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_sandbox/counts", timeout=60)


def test_answers_leave_in_one_write() -> None:
    with running(Portfolio(30, today=TODAY), salesforce=False) as handle:
        port = int(handle.hubspot_url.rpartition(":")[2])
        lines = ["GET /crm/v3/objects/companies?limit=2 HTTP/1.1", "Host: x"]
        request = "\r\n".join([*lines, f"Authorization: Bearer {handle.hubspot_token}", "", ""])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            for _ in range(5):
                client.sendall(request.encode())
                first = client.recv(65_536)
                head, _, body = first.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert len(body) == int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_announces_itself_in_one_json_line_and_stops_on_a_signal(number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--accounts", "20", "--seed", "3", "--today", "2026-11-22",
               "--state-dir", str(tmp_path), "--json"]  # fmt: skip
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with child(command, cwd=root, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        hubspot = told["hubspot"]
        headers = {"Authorization": f"Bearer {hubspot['access_token']}"}
        answer = requests.get(f"{hubspot['url']}/crm/v3/objects/companies", headers=headers, timeout=60)
        assert answer.status_code == 200
        assert {"url", "consumer_key", "consumer_secret", "username", "password", "private_key_file"} <= set(
            told["salesforce"]
        )
        process.send_signal(number)
        assert process.wait(timeout=60) == 0


EARLY = """
import os, signal, sys, threading
from sandbox.__main__ import main

wait = threading.Condition.wait

def interrupted(condition, *given):
    # Whoever comes here holds the lock of what it is about to wait for.
    if sys._getframe(2).f_code is main.__code__:
        os.kill(os.getpid(), signal.SIGTERM)
    return wait(condition, *given)

threading.Condition.wait = interrupted
sys.exit(main(["--accounts", "5", "--json"]))
"""


def test_a_signal_at_the_worst_moment_stops_it_too() -> None:
    """A handler that wants a lock which the interrupted thread holds would wait for ever."""
    with child([sys.executable, "-c", EARLY], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert "hubspot" in json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_the_command_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--accounts", "5", "--exit-with-parent", "--state-dir", str(tmp_path)]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with child([*command, "--json"], cwd=root, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["hubspot"]["url"]
        assert requests.get(f"{url}/_sandbox/counts", timeout=60).status_code == 200
        process.stdin.close()  # what the system does for a parent that was killed
        assert process.wait(timeout=60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_sandbox/counts", timeout=60)


def test_a_port_that_is_taken_is_one_plain_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--accounts", "1", "--hubspot-port", str(port)]) == 2
    assert "cannot start" in capsys.readouterr().err
