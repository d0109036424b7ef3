"""A connection is tied to the CRM account that it first led to, as soon as the CRM tells which one that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.clock import SystemClock
from store import Store, open_store, pins
from store.errors import PinMismatch
from sync.pull import check_identities


@dataclass
class Told:
    """A connector as far as its identity goes."""

    portal: str

    def identity(self) -> str:
        return self.portal


def check(store: Store, portal: str) -> None:
    deps = SimpleNamespace(connectors={"crm": Told(portal)}, store=store, clock=SystemClock())
    check_identities(cast(Any, SimpleNamespace(deps=deps, ws="default")))


def test_an_unknown_account_is_not_pinned_and_the_first_known_one_is(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path}/keepwell.db", "default", create=True)
    check(store, "")
    with store.read() as c:
        assert pins.get(c, "default", "crm") is None
    check(store, "42")
    check(store, "")
    with pytest.raises(PinMismatch):
        check(store, "43")
    store.close()
