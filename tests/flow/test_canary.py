"""Secrets that exist nowhere else are given to Keepwell, and looked for in everything that it leaves behind.

The answers and the log at its most talkative, tracebacks, the store with its log, plans, packages, reports, metrics: of
runs that end well, and of those that are refused, or end in an error with the secret in their hands.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from sandbox.hubspot.auth import Token
from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from sandbox.serve import Portfolio, Running, running

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "canary-hubspot-token/with+odd=signs"
SESSION = "00D000000canary!salesforce.session.of.this.test"
PUSH = "canary-password-of-the-gateway"
SCRAPE = "canary-token-of-the-scraper"
WRONG = "canary-token-that-is-refused"
SECRETS = (TOKEN, SESSION, PUSH, SCRAPE, WRONG)
CONFIG = """
connections:
  hubspot: {{type: hubspot, access_token_file: secrets/hubspot, base_url: "{crms.hubspot_url}"}}
  salesforce:
    type: salesforce
    auth: {{flow: token, access_token: "${{SESSION}}", instance_url: "{crms.salesforce_url}"}}
metrics:
  textfile: keepwell.prom
  push_gateway: https://127.0.0.1:9
  push_username: ops
  push_password: "${{PUSH}}"
  scrape_token_file: secrets/scrape
"""


@pytest.fixture(scope="module")
def crms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Both CRMs, which let in whoever has the canaries."""
    with running(
        Portfolio(accounts=10, seed=3, today=date(2026, 11, 20)),
        state_dir=tmp_path_factory.mktemp("crms"),
        hubspot_options=HubSpotOptions((Token(TOKEN, "keepwell"),), burst=10_000),
        salesforce_options=SalesforceOptions(session_ids=(SESSION,)),
    ) as started:
        yield started


class Operator:
    """Types commands in a folder and keeps all that they print."""

    def __init__(self, folder: Path, crms: Running) -> None:
        self.folder, self.printed = folder, ""
        (folder / "secrets").mkdir(mode=0o700)
        for name, secret in (("hubspot", TOKEN), ("scrape", SCRAPE)):
            (folder / "secrets" / name).touch(mode=0o600)
            (folder / "secrets" / name).write_text(secret)
        (folder / "keepwell.yaml").write_text(CONFIG.format(crms=crms))

    def types(self, *words: str, code: int | None = None, **more: str) -> str:
        """The output of a command, whose exit code is looked at when it is given."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
        environment = clean | {"KEEPWELL_LOG_LEVEL": "debug", "SESSION": SESSION, "PUSH": PUSH} | more
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "--debug", *words],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        self.printed += done.stdout + done.stderr
        assert code is None or done.returncode == code, done.stderr[-2_000:]
        return done.stdout

    def leaks(self) -> dict[str, list[str]]:
        """Where secrets are found, in any of their forms, outside of the files that hold them."""
        places = {"what was printed": self.printed.encode()}
        for path in self.folder.rglob("*"):
            if path.is_file() and "secrets" not in path.relative_to(self.folder).parts:
                places[str(path.relative_to(self.folder))] = path.read_bytes()
        assert {"keepwell.db", "keepwell.prom", "plan.json", "kpis.html", "kpis.csv"} <= set(places)
        assert any(name.startswith("package/") for name in places)
        hits = {place: [secret for secret in SECRETS if any(form in data for form in forms(secret))]
                for place, data in places.items()}  # fmt: skip
        return {place: found for place, found in hits.items() if found}


def forms(secret: str) -> set[bytes]:
    """A secret as it is, in an address, in JSON, and in base64 at each offset."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"\0" * by + raw)[4:-4] for by in range(3)}
    return {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), *shifted}


def test_no_secret_is_in_anything_that_keepwell_leaves_behind(crms: Running, tmp_path: Path) -> None:
    one = Operator(tmp_path, crms)
    for words in (
        ("config", "check", "--json"),
        ("doctor", "--json"),
        ("fields", "export", "--out", "package"),
        ("fields", "apply", "--json"),
        ("plan", "--out", "plan.json", "--json"),
        ("sync", "--json"),
        ("--log-format", "json", "sync"),
        ("runs", "show", "latest", "--json"),
        ("failures", "list", "--json"),
        ("report", "kpis", "--out", "kpis.html"),
        ("report", "kpis", "--out", "kpis.csv"),
        ("db", "check"),
        ("status", "--json"),
    ):
        one.types(*words)
    assert json.loads(one.types("runs", "show", "latest", "--json"))["status"] in {"complete", "partial"}
    assert "metrics.not_pushed" in one.printed, "the gateway was tried with its password"
    assert "call.made" in one.printed, "the log was at its most talkative"
    assert one.leaks() == {}


def test_nor_when_it_ends_in_an_error_with_the_secret_in_its_hands(crms: Running, tmp_path: Path) -> None:
    one = Operator(tmp_path, crms)
    one.types("fields", "export", "--out", "package")
    one.types("plan", "--out", "plan.json")
    one.types("sync")
    one.types("report", "kpis", "--out", "kpis.html")
    one.types("report", "kpis", "--out", "kpis.csv")
    one.types("sync", code=6, KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN=WRONG)
    one.types("doctor", code=6, KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN=WRONG)
    one.types("sync", code=2, KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL=f"https://{WRONG}:{WRONG}@127.0.0.1:9/{WRONG}")
    one.types("sync", code=2, KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN='["' + WRONG + '"]')
    one.types("sync", code=2, KEEPWELL_METRICS__PUSH_GATEWAY=f"http://user:{WRONG}@127.0.0.1:9")
    one.types("sync", KEEPWELL_STORE=f"postgresql://keepwell:{WRONG}@127.0.0.1:9/keepwell")
    one.types("db", "check", KEEPWELL_STORE=f"postgresql://keepwell:{WRONG}@127.0.0.1:9/keepwell?password={WRONG}")
    assert "Traceback" in one.printed
    assert one.leaks() == {}
