"""Short-lived tokens against a portal whose refresh tokens rotate: processes, expiries, crashes, revocations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.base import Page, Window
from connectors.errors import CredentialsError
from connectors.hubspot.connector import HubSpotConnector
from sandbox.hubspot.auth import OAuthApp
from tests.contract.hubspot_kit import Box, portal

ROTATING = OAuthApp(rotates=True)

RENEW = """
import sys, time
from pathlib import Path
from connectors.clock import SystemClock
from connectors.http import Timeouts
from connectors.hubspot.auth import OAuthToken
from connectors.hubspot.paths import Paths
from connectors.hubspot.settings import OAuthSettings
from connectors.hubspot.transport import SdkTransport
from connectors.redact import Redactor

url, client_id, client_secret, secret, times = sys.argv[1:]
clock = SystemClock()
wire = SdkTransport(url, clock=clock, timeouts=Timeouts(5, 5, 10))
app = OAuthSettings(client_id=client_id, client_secret=client_secret, refresh_token_file=Path(secret))
tokens = OAuthToken(app, Paths("v3"), wire, clock=clock, sleep=time.sleep, redactor=Redactor())
print(sum(tokens.renew(tokens.current()) for _ in range(int(times))))
"""


@pytest.fixture
def box() -> Iterator[Box]:
    with portal(accounts=150, oauth=ROTATING) as served:
        yield served


def connection(box: Box, secret: Path) -> HubSpotConnector:
    if not secret.exists():
        secret.write_text(box.served.hubspot_oauth.refresh_token)
    app = box.oauth()
    del app["refresh_token"]
    return box.connect(oauth={**app, "refresh_token_file": str(secret)})


def companies(connector: HubSpotConnector) -> Iterator[Page]:
    stream = next(one for one in connector.streams() if one.name == "companies")
    return connector.pages(stream, Window())


def test_two_processes_with_one_file_never_use_a_dead_refresh_token(box: Box, tmp_path: Path):
    secret, app = tmp_path / "refresh", box.served.hubspot_oauth
    secret.write_text(app.refresh_token)
    command = [sys.executable, "-c", RENEW, box.served.hubspot_url, app.client_id, app.client_secret, str(secret), "15"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(one.communicate(timeout=60)[0].strip(), one.returncode) for one in running] == [("15", 0), ("15", 0)]
    assert secret.read_text() == box.state.gate.refresh_token
    assert box.state.stats.by_status["400"] == 0


def test_a_token_that_ends_in_the_middle_of_a_pull_is_renewed_once_and_nothing_is_lost(box: Box, tmp_path: Path):
    connector = connection(box, tmp_path / "refresh")
    pages = companies(connector)
    seen = [record.id for record in next(pages).records]
    box.state.gate.expire()
    seen += [record.id for page in pages for record in page.records if not record.archived]
    assert sorted(seen) == box.live()
    assert box.state.stats.by_route["POST /oauth/v3/token"] == 2


def test_the_app_removed_in_the_middle_of_a_pull_ends_it(box: Box, tmp_path: Path):
    connector = connection(box, tmp_path / "refresh")
    pages = companies(connector)
    next(pages)
    box.state.gate.expire()
    box.state.gate.revoke(box.state.gate.refresh_token or "")
    with pytest.raises(CredentialsError, match="the app was removed") as caught:
        list(pages)
    assert "never stored" not in caught.value.message


def test_an_answer_that_is_lost_with_the_new_token_is_reported_as_that(box: Box, tmp_path: Path):
    box.fault("commit_then_drop", "/oauth/v3/token")
    with pytest.raises(CredentialsError, match="the new one was never stored"):
        connection(box, tmp_path / "refresh").identity()


def test_an_answer_that_is_lost_costs_nothing_where_tokens_do_not_rotate(tmp_path: Path):
    with portal(accounts=5) as box:
        box.fault("commit_then_drop", "/oauth/v3/token")
        assert connection(box, tmp_path / "refresh").identity() == "4242424"
