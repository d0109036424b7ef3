"""The evaluation as a run does it: records out of an SQLite store, evaluated, and kept with how healthy they were."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import polars as pl

from benchmarks.evaluation import NOON, synthetic
from benchmarks.local import ROOT, own_peak_mib
from config import process
from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.settings import Settings
from connectors.base import Connector, Stream
from connectors.budget import MemoryBudget
from connectors.clock import SystemClock
from mapping.frames import AsOf
from mapping.outputs import output_fields
from mapping.records import FieldSpec
from store import Store, entities, epochs, identity, open_store
from store.identity import AccountLink
from store.tables import ENTITY_TABLES
from sync.deps import Deps, RunOptions
from sync.evaluate import evaluate
from sync.explain import explain_account
from sync.report import RunReport
from sync.session import Session

CRM = "hubspot"
STREAMS = {
    "account": "companies", "deal": "deals", "ticket": "tickets", "meeting": "meetings",
    "attendance": "meetings>contacts", "contract": "contracts",
}  # fmt: skip
ROWS_A_WRITE = 50_000


class Silent:
    """A connection that is only asked what it is; everything that it ever told is in the store."""

    name = type = CRM
    account_object = "companies"

    def streams(self) -> list[Stream]:
        """One stream an entity."""
        return [Stream(stream, entity) for entity, stream in STREAMS.items()]

    def not_connected(self) -> dict[str, tuple[str, ...]]:
        """It has every property."""
        return {}

    def fields(self) -> Silent:
        """It names its own properties."""
        return self

    def property_name(self, spec: FieldSpec) -> str:
        """As HubSpot has them."""
        return f"cs_{spec.name}"

    def close(self) -> None:
        """Nothing is open."""


def deps_on(path: Path) -> Deps:
    """What a run is given, on the store at `path`."""
    settings = Settings(
        store=f"sqlite:///{path}", connections=cast("Any", {CRM: {"type": CRM, "access_token": "none"}})
    )
    framework, clock = load_framework_file(settings.framework), SystemClock()
    return Deps(
        settings=settings,
        store=open_store(settings.store, settings.workspace, create=True),
        connectors={CRM: cast("Connector", Silent())},
        budget=MemoryBudget(clock, time.sleep),
        field_maps=load_field_maps(settings),
        framework=framework,
        specs=tuple(output_fields(framework)),
        clock=clock,
    )


def fill(path: Path, accounts: int) -> int:
    """Make a store of `accounts` with five child rows each, as a pull would leave it; returns the number of these."""
    with_two_too_many = synthetic(accounts)
    frames = {
        "account": with_two_too_many.accounts,
        "deal": with_two_too_many.deals,
        "ticket": with_two_too_many.tickets.filter(pl.col("id").str.ends_with("-0")),
        "meeting": with_two_too_many.meetings,
        "attendance": with_two_too_many.attendances.filter(pl.col("id").str.ends_with("-0")),
        "contract": with_two_too_many.contracts,
    }
    deps = deps_on(path)
    for entity, frame in frames.items():
        _store(deps.store, entity, frame)
    links = [AccountLink(f"hubspot:companies:{n}", CRM, "companies", str(n), "first") for n in range(accounts)]
    with deps.store.write() as c:
        identity.replace_identity(c, deps.workspace, links, [], NOON)
    deps.close()
    return sum(frame.height for entity, frame in frames.items() if entity != "account")


def _store(store: Store, entity: str, frame: pl.DataFrame) -> None:
    """Write an entity's rows and the sealed epoch that says they are all there."""
    number = pl.col("account_id").str.strip_prefix("account:")
    own = {"account": {"id": number}, "attendance": {}}.get(entity, {"account_ref": number})
    known = [column.name for column in ENTITY_TABLES[entity].columns]
    rows = frame.with_columns(stream=pl.lit(STREAMS[entity]), **own)
    rows = rows.select([name for name in rows.columns if name in known and name != "connection"])
    for part in rows.iter_slices(ROWS_A_WRITE):
        with store.write() as c:
            entities.replace_entities(c, store.workspace, entity, CRM, list(part.iter_rows(named=True)))
    with store.write() as c:
        pulled = epochs.open_epoch(c, store.workspace, CRM, STREAMS[entity], "full", since=None, now=NOON)
        epochs.seal(c, pulled.id, proof={"rows": rows.height}, cursor=None, now=NOON)


def evaluated(path: Path) -> dict[str, float]:
    """Evaluate every account of the store and keep it."""
    deps = deps_on(path)
    at = AsOf(NOON)
    session = Session(deps, RunOptions(), "bench", at, RunReport("bench", "sync", at.date.isoformat(), ""))
    started = time.perf_counter()
    evaluate(session)
    seconds = time.perf_counter() - started
    deps.close()
    return {"seconds": seconds, "alerts": session.report.alerts.raised, "mib": own_peak_mib()}


def explained(path: Path, account: str) -> dict[str, float]:
    """Explain one account."""
    deps = deps_on(path)
    started = time.perf_counter()
    found = explain_account(deps, account, NOON.date())
    seconds = time.perf_counter() - started
    deps.close()
    assert found["explanation"]["health"]["score"] is not None
    return {"seconds": seconds, "mib": own_peak_mib()}


def run(accounts: int) -> dict[str, float]:
    """A first evaluation out of a store of so many accounts, one that finds nothing changed, and an explanation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keepwell.db"
        children = _beside("fill", str(path), str(accounts))["children"]
        before = path.stat().st_size
        first, second = _beside("evaluate", str(path)), _beside("evaluate", str(path))
        explanation = _beside("explain", str(path), str(accounts // 2))
        grown = path.stat().st_size - before
    return {
        "accounts": accounts,
        "child_rows": children,
        "seconds": first["seconds"],
        "peak_mib": first["mib"],
        "alerts_raised": first["alerts"],
        "bytes_an_account": grown / accounts,
        "seconds_unchanged": second["seconds"],
        "explain_seconds": explanation["seconds"],
    }


def _beside(*arguments: str) -> dict[str, float]:
    """One step in a process of its own, so that memory is told apart."""
    command = [sys.executable, "-m", "benchmarks.stored", *arguments]
    found: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    return found


def main() -> None:
    """`python -m benchmarks.stored fill|evaluate|explain PATH [ACCOUNTS|ACCOUNT]`."""
    process.tune()  # as the command does
    verb, path, *rest = sys.argv[1:]
    steps: dict[str, Callable[[], dict[str, float]]] = {
        "fill": lambda: {"children": fill(Path(path), int(rest[0]))},
        "evaluate": lambda: evaluated(Path(path)),
        "explain": lambda: explained(Path(path), rest[0]),
    }
    print(json.dumps(steps[verb]()))


if __name__ == "__main__":
    main()
