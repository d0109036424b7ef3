"""Whom an encrypted connection trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH


def context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies by `ca_file` alone, else by the system's authorities and those that `requests` brings along.

    A slim container has none of its own, and a company's authority is only in the system's. Raises OSError when the
    file cannot be read, or has no certificates.
    """
    if ca_file is not None:
        return ssl.create_default_context(cafile=str(ca_file))
    made = ssl.create_default_context()
    made.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return made
