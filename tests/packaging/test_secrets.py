"""No credential of a vendor is in the repository: common scanners take HubSpot's tokens for harmless UUIDs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.packaging.test_house import ROOT, TRACKED

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RULES = {
    "HubSpot private app or service key": rf"\bpat-[a-z]{{2,4}}\d?-{_UUID}\b",
    "HubSpot API key": rf"(?i)\bhapikey\W{{1,4}}{_UUID}",
    "key by its name": rf"(?i)\b(?:access_?key|client_secret|refresh_token)[\"']?\s*[:=]\s*[\"']?{_UUID}",
    "Salesforce session": r"\b00D[0-9A-Za-z]{12,15}![0-9A-Za-z._]{20,}",
    "Salesforce consumer key": r"\b3MVG9[0-9A-Za-z._]{60,}",
    "Salesforce refresh token": r"\b5Aep861[0-9A-Za-z._]{40,}",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}",
    "JSON web token": r"\beyJ[0-9A-Za-z_-]{20,}\.eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}",
    "Slack token": r"\bxox[abeprs]-[0-9A-Za-z-]{20,}",
    "Slack webhook": r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}",
    "Teams workflow": r"logic\.azure\.com[^\s\"']*[?&]sig=[0-9A-Za-z_-]{20,}",
    "GitHub token": r"\bgh[pousr]_[0-9A-Za-z]{36}",
    "cloud key": r"\bAKIA[0-9A-Z]{16}\b",
    "password of a database": r"\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/@]+:(?!\$|\*|PASSWORD|password|…)[^\s:/@\"'`{]{8,}@",
}
FAKE = frozenset(
    {
        "pat-na1-00000000-0000-4000-8000-000000000001",  # of the sandbox
        "pat-na1-00000000-0000-0000-0000-000000000000",
        "hidden-word",  # the password of databases in tests
        "pat-na1-00000000-1111-4222-8333-444444444444",
        "pat-na1-5ca1ab1e-0000-4000-8000-c0ffee00cafe",  # the canary of the crash rig
        "pat-eu1-12345678-90ab-4cde-8f01-234567890abc",
        "00D5ca1ab1e0000!canary.session.of.the.rig",
        "00D5g0000012345!AQ4AQF.x_y_z0123456789",
        "00D000000canary!salesforce.session.of.this.test",
    }
)
"""Made up, each of them: whoever adds one vouches for it."""
SAMPLES = (
    "pat-na1-3f1c9a52-7d40-4b1e-9c55-0a6f2e8d7b31",
    "hapikey=3f1c9a52-7d40-4b1e-9c55-0a6f2e8d7b31",
    "Accesskey: 3f1c9a52-7d40-4b1e-9c55-0a6f2e8d7b31",
    "00D5g000004abcD!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL",
    "3MVG9" + "aB3_x.Y7" * 10,
    "postgresql://keepwell:hunter2hunter2@db/keepwell",
    "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 4,
)
"""Shaped like real ones, and found in this file only because they are cut out of it below."""


def found(text: str) -> set[tuple[str, str]]:
    """(rule, credential) in a text, apart from those that are made up."""
    hits = {(rule, hit[0]) for rule, pattern in RULES.items() for hit in re.finditer(pattern, text)}
    return {(rule, hit) for rule, hit in hits if not any(fake in hit for fake in FAKE)}


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_rules_find_what_they_are_for(sample: str) -> None:
    assert found(f'token = "{sample}"\n')


def test_no_file_of_the_repository_holds_a_credential() -> None:
    leaks = {}
    for path in TRACKED:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path == Path(__file__):
            text = text.partition("SAMPLES = (")[0] + text.partition("Shaped like real ones")[2]
        if hits := found(text):
            leaks[str(path.relative_to(ROOT))] = hits
    assert leaks == {}


def test_every_credential_that_is_made_up_is_still_used() -> None:
    texts = [path.read_text("utf-8", "replace") for path in TRACKED if path != Path(__file__)]
    assert [fake for fake in FAKE if not any(fake in text for text in texts)] == []
