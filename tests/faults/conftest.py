"""CRMs that go wrong: each is started once for all tests of a process, each test has a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.kit import Trouble, fresh
from tests.flow.conftest import database, databases, either_store  # noqa: F401 - fixtures of these tests too
from tests.flow.one_crm import Vendor, one_crm
from tests.flow.rig import Rig

Serve = Callable[[Vendor], Rig]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a vendor's CRM on first use."""
    served: dict[str, Rig] = {}
    with ExitStack() as stack:

        def start(vendor: Vendor) -> Rig:
            kind: Vendor = "hubspot" if vendor == "hubspot" else "salesforce"
            if kind not in served:
                accounts = 16 if kind == "hubspot" else 40
                made = stack.enter_context(one_crm(tmp_path_factory.mktemp(kind), kind, accounts=accounts))
                if kind == "hubspot":  # two pages of one stream are enough, and cheaper than two of each
                    made.person("create", object="tickets", properties={"subject": "One of many"}, count=110)
                served[kind] = made
            return served[kind]

        yield start


@pytest.fixture(params=["hubspot", "salesforce"])
def crm(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Iterator[Trouble]:
    """Each vendor in turn."""
    yield from _healed(fresh(serve(request.param), request.param, tmp_path))


@pytest.fixture
def hubspot(serve: Serve, tmp_path: Path) -> Iterator[Trouble]:
    """HubSpot alone."""
    yield from _healed(fresh(serve("hubspot"), "hubspot", tmp_path))


@pytest.fixture
def salesforce(serve: Serve, tmp_path: Path) -> Iterator[Trouble]:
    """Salesforce alone, by REST."""
    yield from _healed(fresh(serve("salesforce"), "salesforce", tmp_path))


@pytest.fixture
def bulk(serve: Serve, tmp_path: Path) -> Iterator[Trouble]:
    """Salesforce alone, everything by bulk jobs."""
    yield from _healed(fresh(serve("bulk"), "bulk", tmp_path))


def _healed(trouble: Trouble) -> Iterator[Trouble]:
    yield trouble
    trouble.heal()
