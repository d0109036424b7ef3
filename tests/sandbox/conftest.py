"""What tests of the sandbox share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.gainsight_tenant import Tenant, tenant


@pytest.fixture(scope="module")
def untouched() -> Iterator[Tenant]:
    """A Gainsight tenant for tests that change nothing, as they only read or are refused."""
    with tenant(accounts=80) as gs:
        yield gs
