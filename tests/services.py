"""What tests do about a service or a tool that is not there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip with the reason; fail instead where KEEPWELL_REQUIRE_SERVICES=1 promised that everything is there."""
    if os.environ.get("KEEPWELL_REQUIRE_SERVICES") == "1":
        pytest.fail(f"KEEPWELL_REQUIRE_SERVICES=1, but {reason}")
    pytest.skip(reason)
