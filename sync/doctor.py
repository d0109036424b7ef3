"""What is in the way of a good run, and what to do about it: store, framework, every connection, the last good run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from config.errors import ConfigFileError
from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.settings import Settings
from connectors.base import Check, Connector
from connectors.clock import Clock, SystemClock
from connectors.errors import ConnectorError
from store import Store, leases, open_store, pins, runs
from store import check as check_store
from store.errors import PinMismatch, StoreError, StoreMissing
from sync.assemble import assemble
from sync.deps import Deps
from sync.session import lease_key

STALE = timedelta(hours=26)
"""A daily schedule that is two hours late; more often is fine too."""


def doctor(
    settings: Settings, *, clock: Clock | None = None, sleep: Callable[[float], None] = time.sleep
) -> list[Check]:
    """Look at everything a run needs; never raises for what it finds, never changes a CRM."""
    clock = clock or SystemClock()
    found = [Check("configuration", "ok", f"workspace {settings.workspace}, {len(settings.connections)} connections")]
    found += _framework(settings)
    found += _store(settings)
    if any(check.status == "error" for check in found):
        return found
    try:
        deps = assemble(settings, clock=clock, sleep=sleep)
    except (ConnectorError, ConfigFileError, StoreError) as error:
        return [*found, Check("connections", "error", str(error), getattr(error, "hint", ""))]
    try:
        for name, connector in deps.connectors.items():
            found += _connection(deps, name, connector)
        found += _last_run(deps.store, clock)
    finally:
        deps.close()
    return found


def _framework(settings: Settings) -> Iterator[Check]:
    try:
        framework = load_framework_file(settings.framework)
        load_field_maps(settings)
    except ConfigFileError as error:
        for problem in error.problems:
            yield Check("framework", "error", str(problem), problem.hint)
        return
    yield Check("framework", "ok", f"{framework.name}, model version {framework.version}")


def _store(settings: Settings) -> Iterator[Check]:
    try:
        store = open_store(settings.store, settings.workspace)
    except StoreMissing as error:
        yield Check("store", "warning", error.message, "The first run creates it, or `keepwell db upgrade` now.")
        return
    except StoreError as error:
        yield Check("store", "error", error.message, error.hint)
        return
    store.close()
    findings = check_store(settings.store)
    if not findings:
        yield Check("store", "ok", "sound, schema is current")
    for finding in findings:
        yield Check("store", "error", finding, "Restore it from a backup before the next run.")


def _connection(deps: Deps, name: str, connector: Connector) -> Iterator[Check]:
    checks = connector.checks()
    for check in checks:
        yield Check(f"{name}: {check.name}", check.status, check.detail, check.hint)
    try:
        yield _pin(deps, name, connector)
        yield _properties(deps, name, connector)
    except ConnectorError as error:
        # What the connector found wrong already is not said twice.
        if not any(check.status == "error" for check in checks):
            yield Check(f"{name}: connection", "error", error.message, error.hint)
        return
    yield _lease(deps, name)


def _pin(deps: Deps, name: str, connector: Connector) -> Check:
    title = f"{name}: account"
    identity = connector.identity()
    with deps.store.read() as c:
        pin = pins.get(c, deps.workspace, name)
    if pin is None:
        return Check(title, "ok", f"{identity}; the first run ties this connection to it")
    if pin.identity != identity:
        error = PinMismatch(f"The credentials lead to {identity}, earlier runs read {pin.identity}.")
        return Check(title, "error", error.message, "Give the other account a connection name or workspace of its own.")
    return Check(title, "ok", f"{identity}, the same as in earlier runs")


def _properties(deps: Deps, name: str, connector: Connector) -> Check:
    title = f"{name}: properties"
    findings = connector.fields().plan(deps.specs)
    wrong = [one for one in findings if one.action in ("conflict", "unreadable")]
    if wrong:
        text = "; ".join(f"{one.property}: {one.detail or one.action}" for one in wrong)
        return Check(title, "error", text, "Rename or remove the property, or choose another prefix.")
    missing = [one.property for one in findings if one.action == "create"]
    if missing:
        return Check(title, "warning", f"{len(missing)} of {len(findings)} are missing", "Run `keepwell fields apply`.")
    return Check(title, "ok", f"all {len(findings)} are there with the right types")


def _lease(deps: Deps, name: str) -> Check:
    title = f"{name}: lease"
    with deps.store.read() as c:
        holder = leases.holder(c, deps.workspace, lease_key(name))
    if holder is None:
        return Check(title, "ok", "no run is under way")
    detail = f"run {holder.owner} is under way; its lease ends in {holder.expires_in:.0f} s unless it goes on"
    return Check(title, "warning", detail, "Another run would answer busy until then.")


def _last_run(store: Store, clock: Clock) -> Iterator[Check]:
    with store.read() as c:
        run = runs.last_good(c, store.workspace)
    if run is None or run.finished_at is None:
        yield Check("last good run", "warning", "there was none yet", "Run `keepwell sync`.")
        return
    age = clock.now() - run.finished_at
    hours = age.total_seconds() / 3600
    if age > STALE:
        yield Check(
            "last good run", "warning", f"{hours:.0f} hours ago", "Look at the schedule and `keepwell runs list`."
        )
    else:
        yield Check("last good run", "ok", f"{hours:.1f} hours ago")
