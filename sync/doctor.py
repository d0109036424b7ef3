"""What is in the way of a good run, and what to do about it: store, framework, every connection, the last good run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from config.errors import ConfigFileError
from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.notifications import check_notifications
from config.policy import check_measures, check_policy, check_tasks
from config.rates import load_rates
from config.settings import Settings
from connectors.base import Check, Connector
from connectors.clock import Clock, SystemClock
from connectors.errors import ConnectorError
from store import Store, leases, notifications, open_store, pins, runs
from store import check as check_store
from store.errors import PinMismatch, StoreError, StoreMissing
from sync.assemble import assemble
from sync.deps import Deps
from sync.ending import EXIT_CREDENTIALS, EXIT_DONE, EXIT_FAILED, EXIT_LATER, EXIT_USAGE, ending_of_error
from sync.fields import fields_plan_of
from sync.firstwrite import unwritten
from sync.guards import frozen
from sync.session import lease_key

STALE = timedelta(hours=26)
"""A daily schedule that is two hours late; more often is fine too."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every finding, and the exit code that the first run would have because of them."""

    checks: list[Check]
    exit_code: int = EXIT_DONE


def doctor(settings: Settings, *, clock: Clock | None = None, sleep: Callable[[float], None] = time.sleep) -> Diagnosis:
    """Look at everything a run needs; never raises for what it finds, never changes a CRM.

    A store that is missing is created, because whether that can be done is one of the questions.
    """
    clock = clock or SystemClock()
    found = [Check("configuration", "ok", f"workspace {settings.workspace}, {len(settings.connections)} connections")]
    framework, store = list(_framework(settings)), list(_store(settings))
    found += framework + store + list(_freezes(settings, clock))
    if _failed(found):
        return Diagnosis(found, EXIT_USAGE if _failed(framework) else EXIT_FAILED)
    try:
        deps = assemble(settings, clock=clock, sleep=sleep)
    except (ConnectorError, StoreError) as error:
        return Diagnosis([*found, Check("connections", "error", error.message, error.hint)], _code_of(error))
    codes = []
    try:
        for name, connector in deps.connectors.items():
            checks, code = _connection(deps, name, connector)
            found += checks
            codes.append(code)
        found += _last_run(deps.store, clock)
        found += _told(deps)
    finally:
        deps.close()
    return Diagnosis(found, _worst(codes))


_WORST = (EXIT_DONE, EXIT_LATER, EXIT_FAILED, EXIT_USAGE, EXIT_CREDENTIALS)
_RIGHTS = ("read ", "write ")
"""How the names of checks begin whose failure means that the user behind the credentials may not do something."""


def _failed(checks: Iterable[Check]) -> bool:
    return any(check.status == "error" for check in checks)


def _worst(codes: Iterable[int]) -> int:
    return max(codes, key=_WORST.index)


def _code_of(error: Exception) -> int:
    ending = ending_of_error(error)
    return ending.exit_code if ending is not None else EXIT_FAILED


def _framework(settings: Settings) -> Iterator[Check]:
    try:
        framework = load_framework_file(settings.framework)
        load_field_maps(settings)
        load_rates(settings)
        check_policy(settings, framework)
        check_tasks(settings, framework)
        check_measures(settings, framework)
        check_notifications(settings, framework)
    except ConfigFileError as error:
        for problem in error.problems:
            yield Check("framework", "error", str(replace(problem, hint="")), problem.hint)
        return
    yield Check("framework", "ok", f"{framework.name}, model version {framework.version}")


def _freezes(settings: Settings, clock: Clock) -> Iterator[Check]:
    hint = "Until then a run that has something to write is refused (exit code 5), unless it says --during-freeze."
    for one in frozen(settings.policy.guards.freeze, settings.timezone, clock.now()):
        yield Check("freeze", "warning", one, hint)


def _store(settings: Settings) -> Iterator[Check]:
    detail = "sound, schema is current"
    try:
        try:
            store = open_store(settings.store, settings.workspace)
        except StoreMissing:
            store = open_store(settings.store, settings.workspace, create=True)
            detail = "there was none yet; it is created now"
    except StoreError as error:
        yield Check("store", "error", error.message, error.hint)
        return
    store.close()
    findings = check_store(settings.store)
    if not findings:
        yield Check("store", "ok", detail)
    for finding in findings:
        yield Check("store", "error", finding, "Restore it from a backup before the next run.")


def _connection(deps: Deps, name: str, connector: Connector) -> tuple[list[Check], int]:
    """Findings of one connection, and the exit code of the worst of them."""
    own = connector.checks()
    checks = [replace(check, name=f"{name}: {check.name}") for check in own]
    codes = [_code_of_checks(own)]
    try:
        for probe, code in ((_pin, EXIT_CREDENTIALS), (_properties, EXIT_FAILED), (_lease, EXIT_FAILED)):
            checks.append(probe(deps, name, connector))
            codes.append(code if _failed(checks[-1:]) else EXIT_DONE)
        checks += _first_write(deps, name)
    except ConnectorError as error:
        # What the connector found wrong already is not said twice.
        if not _failed(own):
            checks.append(Check(f"{name}: connection", "error", error.message, error.hint))
        codes.append(_code_of(error))
    return checks, _worst(codes)


def _code_of_checks(checks: Iterable[Check]) -> int:
    """Exit code for what a connector found about itself; why a login failed is asked of the failure."""
    names = [check.name for check in checks if check.status == "error"]
    if any(name.startswith(_RIGHTS) for name in names):
        return EXIT_CREDENTIALS
    if any(name.startswith("properties") for name in names):
        return EXIT_USAGE
    return EXIT_FAILED if names else EXIT_DONE


def _pin(deps: Deps, name: str, connector: Connector) -> Check:
    title = f"{name}: account"
    identity = connector.identity()
    if not identity:
        hint = "Credentials that lead to another account would not be noticed."
        return Check(title, "warning", "the CRM does not say which account this is", hint)
    with deps.store.read() as c:
        pin = pins.get(c, deps.workspace, name)
    if pin is None:
        return Check(title, "ok", f"{identity}; the first run ties this connection to it")
    if pin.identity != identity:
        error = PinMismatch(f"The credentials lead to {identity}, earlier runs read {pin.identity}.")
        return Check(title, "error", error.message, "Give the other account a connection name or workspace of its own.")
    return Check(title, "ok", f"{identity}, the same as in earlier runs")


def _properties(deps: Deps, name: str, _: Connector) -> Check:
    title = f"{name}: properties"
    findings = fields_plan_of(deps, name)
    wrong = [one for one in findings if one.action in ("conflict", "unreadable")]
    if wrong:
        text = "; ".join(f"{one.property}: {one.detail or one.action}" for one in wrong)
        return Check(title, "error", text, "Rename or remove the property, or choose another prefix.")
    by_hand = [one.property for one in findings if one.action == "by_hand"]
    if by_hand:
        detail = f"{len(by_hand)} of {len(findings)} are missing, and this CRM lets nobody create them from outside"
        return Check(title, "warning", detail, "Give an admin what `keepwell fields export --out FOLDER` writes.")
    missing = [one.property for one in findings if one.action == "create"]
    if missing:
        return Check(title, "warning", f"{len(missing)} of {len(findings)} are missing", "Run `keepwell fields apply`.")
    return Check(title, "ok", f"all {len(findings)} are there with the right types")


def _first_write(deps: Deps, name: str) -> Iterator[Check]:
    if deps.settings.policy.first_write == "allow":
        return
    with deps.store.read() as c:
        if not unwritten(c, deps, name):
            return
    detail = "nothing was written yet; the first run that would asks at a terminal, and is refused elsewhere"
    hint = "For a schedule: `keepwell sync --yes` once by hand, or `policy.first_write: allow`."
    yield Check(f"{name}: first write", "warning", detail, hint)


def _lease(deps: Deps, name: str, _connector: Connector) -> Check:
    title = f"{name}: lease"
    with deps.store.read() as c:
        holder = leases.holder(c, deps.workspace, lease_key(name))
    if holder is None:
        return Check(title, "ok", "no run is under way")
    detail = f"run {holder.owner} is under way; its lease ends in {holder.expires_in:.0f} s unless it goes on"
    return Check(title, "warning", detail, "Another run would answer busy until then.")


def _told(deps: Deps) -> Iterator[Check]:
    channels = deps.settings.notifications.channels
    if not channels:
        return
    with deps.store.read() as c:
        counts = notifications.counts(c, deps.workspace)
    if counts["given_up"]:
        hint = "`keepwell notify list --state given_up` says why, `keepwell notify retry` tries again."
        yield Check("notifications", "warning", f"{counts['given_up']} given up, which nobody was told", hint)
        return
    waiting = counts["waiting"] + counts["sending"]
    yield Check("notifications", "ok", f"channels {', '.join(channels)}; {waiting} waiting")


def _last_run(store: Store, clock: Clock) -> Iterator[Check]:
    with store.read() as c:
        run = runs.last_good(c, store.workspace)
    if run is None or run.finished_at is None:
        yield Check("last good run", "warning", "there was none yet", "Run `keepwell sync`.")
        return
    age = clock.now() - run.finished_at
    hours = age.total_seconds() / 3600
    if age < -runs.AHEAD:
        detail = f"dated {-hours:.1f} hours ahead of this machine's clock"
        yield Check("last good run", "warning", detail, "Synchronise the clocks of the machines that run Keepwell.")
    elif age > STALE:
        yield Check(
            "last good run", "warning", f"{hours:.0f} hours ago", "Look at the schedule and `keepwell runs list`."
        )
    else:
        yield Check("last good run", "ok", f"{hours:.1f} hours ago")
