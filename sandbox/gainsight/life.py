"""Lets one day of the world happen in the tenant, by the same writes with which people's edits are made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32

from sandbox.gainsight.derived import derive
from sandbox.gainsight.moments import day_ms, renewal_ms
from sandbox.gainsight.state import GainsightState
from sandbox.gainsight.tenant import Row
from sandbox.journal import Value
from sandbox.world.life import account_day, is_quiet, next_term, ticket_is_solved


def live(state: GainsightState, seed: int, day: date, stand_at: Callable[[datetime], None]) -> None:
    """Let a day happen; `stand_at` moves the tenant's clock to the instant of each change."""
    tenant = state.tenant
    usage = {row["Company__gc"]: row for row in tenant.tables["usage_metrics__gc"].rows.values()}
    for company in sorted(tenant.tables["company"].rows.values(), key=lambda row: str(row["Gsid"])):
        key = tenant.account_keys.get(str(company["Gsid"]))
        ends = company["RenewalDate"] == day_ms(day)
        if key is None or (not ends and is_quiet(seed, day, key)):
            continue
        today = account_day(seed, day, key)
        stand_at(today.at)
        measured = usage.get(company["Gsid"])
        if measured is not None and today.usage is not None:
            _measure(state, measured, today.usage, day)
        if ends:
            _end_term(state, company, day, renews=today.renews)
    stand_at(datetime.combine(day, time(17), UTC))
    _close_calls(state, seed, day)


def _measure(state: GainsightState, row: Row, factor: float, day: date) -> None:
    held = row["Logins_Per_User_Week__gc"]
    if isinstance(held, int | float):
        values: Row = {"Logins_Per_User_Week__gc": round(held * factor, 2), "As_Of__gc": day_ms(day)}
        state.tenant.update(state.tenant.tables["usage_metrics__gc"], row, values, state.person())


def _end_term(state: GainsightState, company: Row, day: date, *, renews: bool) -> None:
    tenant = state.tenant
    if renews:
        _, end = next_term(day - timedelta(days=1))
        values: Row = {"RenewalDate": renewal_ms(end)}
    else:
        values = {name: _item(state, f"Company {name}", "Churn") for name in ("Status", "Stage")}
    tenant.update(tenant.tables["company"], company, values, state.person())


def _close_calls(state: GainsightState, seed: int, day: date) -> None:
    table = state.tenant.tables["call_to_action"]
    for row in sorted(table.rows.values(), key=lambda one: str(one["Gsid"])):
        if not row["IsClosed"] and ticket_is_solved(seed, day, crc32(str(row["Gsid"]).encode())):
            values: Row = {"StatusId": _item(state, "CTA_STATUS", "Closed Success")}
            derive(state.tenant, table, values, row)
            state.tenant.update(table, row, values, state.person())


def _item(state: GainsightState, category: str, label: str) -> Value:
    item = state.tenant.categories[category].by_label(label)
    return None if item is None else item.gsid
