"""Keep secrets out of everything that is logged, raised or stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from threading import Lock
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 6  # a shorter "secret" would mask ordinary words

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\b[Bb]earer\s+[^\s\"',;]+"), f"Bearer {MASK}"),
    (re.compile(r"\bpat-[a-z]{2,4}\d?-[0-9A-Za-z-]{8,}"), MASK),  # private-app and service-key tokens
    (re.compile(r"\b00D[0-9A-Za-z]{9,15}(?:!|%21)[0-9A-Za-z._%-]+"), MASK),  # Salesforce session ids
    (re.compile(r"\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]*)?"), MASK),  # JSON web tokens
    (
        re.compile(
            r"(?i)([\"']?\b(?:access_token|refresh_token|client_secret|password|assertion|security_token|sessionid|sid)"
            r"[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&\"',;}]+)"
        ),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Masks the secrets it knows, plain and as URLs, JSON and Python write them, and everything that looks like one.

    Tokens that are only learned at run time (refreshed access tokens) are taught with `add`. Thread-safe.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = Lock()
        self._known: tuple[str, ...] = ()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Mask `secret` from now on; what is too short to be one is ignored."""
        secret = secret.strip()
        if len(secret) < _SHORTEST:
            return
        forms = {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
        forms |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
        with self._lock:
            # Longest first: a secret that contains another one must not leave its tail behind.
            self._known = tuple(sorted({*self._known, *forms}, key=lambda form: (-len(form), form)))

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        for pattern, mask in _PATTERNS:
            text = pattern.sub(mask, text)
        return text
