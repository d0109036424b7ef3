"""The only place where concrete things are chosen: settings in, everything that a run needs out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.notifications import check_notifications
from config.policy import check_measure_fields, check_measures, check_policy, check_tasks
from config.rates import load_rates
from config.settings import Settings
from connectors.base import Connector, StreamMap
from connectors.budget import Budget, SharedBudget
from connectors.clock import Clock, SystemClock
from connectors.meter import Meter
from connectors.registry import connect
from mapping.fieldmap import FieldMap
from mapping.framework import Framework
from mapping.outputs import measure_fields, output_fields, override_fields
from mapping.records import FieldSpec
from store import Store, open_store
from store.budgets import QuotaShelf
from store.database import BUSY_SECONDS
from sync.deps import AskFirst, Deps, Timing, new_run_id
from sync.events import CallMade, Observer
from sync.observers import silent, unfailing
from sync.owned import account_stream
from sync.stop import Stop


def assemble(
    settings: Settings,
    *,
    observer: Observer = silent,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
    new_id: Callable[[], str] = new_run_id,
    signals: Callable[[Stop], AbstractContextManager[None]] | None = None,
    timing: Timing | None = None,
    framework: Framework | None = None,
    version: str = "0",
    behind: bool = False,
    busy_seconds: float = BUSY_SECONDS,
    create: bool = True,
    ask_first: AskFirst | None = None,
    read_only: bool = False,
) -> Deps:
    """Open the store (creating it on first use, unless not to) and every connection; sends nothing to a CRM yet.

    `framework` stands in for the one that the settings name; `behind` leaves as much of the quotas as work that comes
    behind the schedule has to; `busy_seconds` is how long a step waits for somebody else who holds the store;
    `ask_first` is the one of `Deps`; with `read_only` the store refuses whatever would change it, for work that asks
    no CRM. Raises `ConfigFileError`, `StoreError` or `ConfigError`; what was opened is closed again then.
    """
    framework = framework or load_framework_file(settings.framework)
    maps = load_field_maps(settings)
    rates = load_rates(settings)
    check_policy(settings, framework)
    check_notifications(settings, framework)
    check_tasks(settings, framework)
    measured = check_measures(settings, framework)
    plain, measures = (*output_fields(framework), *override_fields()), measure_fields(framework)
    own_specs = {name: (*plain, *(one for one in measures if one.name in measured[name])) for name in measured}
    specs = (*plain, *(one for one in measures if any(one.name in names for names in measured.values())))
    clock = clock or SystemClock()
    store = open_store(
        settings.store, settings.workspace, create=create, read_only=read_only, busy_seconds=busy_seconds
    )
    connectors: dict[str, Connector] = {}
    reserve = settings.policy.backfill_reserve if behind else 0.0
    observer = unfailing(observer)
    budget = SharedBudget(QuotaShelf(store), clock=clock.monotonic, sleep=sleep, reserve=reserve)
    try:
        for name in settings.connections:
            connectors[name] = _connect(
                name, settings, maps[name], own_specs[name], framework.spec.recorded,
                budget=budget, clock=clock, sleep=sleep, observer=observer,
            )  # fmt: skip
    except BaseException:
        _close(connectors, store)
        raise
    others: dict[str, Any] = {} if signals is None else {"signals": signals}
    return Deps(
        settings=settings,
        store=store,
        connectors=connectors,
        budget=budget,
        field_maps=maps,
        framework=framework,
        rates=rates,
        specs=specs,
        own_specs=own_specs,
        clock=clock,
        sleep=sleep,
        new_id=new_id,
        observer=observer,
        timing=timing or Timing(),
        version=version,
        ask_first=ask_first,
        **others,
    )


def _close(connectors: Mapping[str, Connector], store: Store) -> None:
    for connector in connectors.values():
        connector.close()
    store.close()


def _connect(
    name: str,
    settings: Settings,
    field_map: FieldMap,
    specs: tuple[FieldSpec, ...],
    recorded: Collection[str],
    *,
    budget: Budget,
    clock: Clock,
    sleep: Callable[[float], None],
    observer: Observer,
) -> Connector:
    """Open one connection that also reads the properties that Keepwell owns.

    Their names are the connector's business, so a first instance, which sends nothing, is asked for them.
    """
    own = _with_reserve(settings.connections[name], settings.policy.quota_reserve)
    plain = stream_maps(field_map)
    prefix = getattr(own, "property_prefix", None)
    namer = connect(name, own, plain, budget=budget, clock=clock, sleep=sleep, prefix=prefix)
    try:
        provisioner = namer.fields()
        named = {spec.name: provisioner.property_name(spec) for spec in specs}
    finally:
        namer.close()
    check_measure_fields(settings, name, named, plain[account_stream(field_map)].properties)
    full = stream_maps(field_map, {prop: own for own, prop in named.items()}, recorded)
    meter = Meter(lambda call: observer(CallMade(name, **asdict(call))))
    return connect(name, own, full, budget=budget, clock=clock, sleep=sleep, prefix=prefix, meter=meter)


def stream_maps(
    field_map: FieldMap, owned: Mapping[str, str] | None = None, recorded: Collection[str] = ()
) -> dict[str, StreamMap]:
    """The field map in the connectors' terms; `owned` (property → field) is read along with the accounts.

    `recorded` are the milestones of the framework: a CRM that has no property for another one lacks nothing.
    """
    accounts = account_stream(field_map)
    found: dict[str, StreamMap] = {}
    for stream in field_map:
        unified: dict[str, list[str]] = {}
        for field_name, rule in stream.rules.items():
            for prop in rule.properties:
                unified.setdefault(prop, []).append(field_name)
        idle = {f"ms.{key}" for key in stream.milestones if key not in recorded}
        optional = stream.custom
        custom = {
            prop: tuple(name for name in unified[prop] if name not in idle)
            for prop in stream.properties
            if prop in optional
        }
        properties = list(stream.properties)
        if stream.name == accounts:
            for prop in owned or {}:
                if prop not in properties:
                    properties.append(prop)
                    # An owned property that is not there yet is no missing integration: it feeds no unified field.
                    custom[prop] = ()
        found[stream.name] = StreamMap(stream.entity, tuple(properties), custom, stream.explicit)
    return found


def _with_reserve(connection: Any, reserve: float) -> Any:
    """The policy's reserve, unless the connection has its own."""
    if "quota_reserve" in type(connection).model_fields:
        own = "quota_reserve" in connection.model_fields_set
        return connection if own else connection.model_copy(update={"quota_reserve": reserve})
    limits = getattr(connection, "limits", None)
    if limits is None or "reserve" in limits.model_fields_set:
        return connection
    return connection.model_copy(update={"limits": limits.model_copy(update={"reserve": reserve})})
