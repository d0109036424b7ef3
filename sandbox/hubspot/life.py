"""Lets one day of the world happen in the portal, by the same writes with which people's edits are made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sandbox.hubspot.clock import instant, midnight_ms, parse_ms
from sandbox.hubspot.journal import USER, Actor
from sandbox.hubspot.pipelines import PIPELINES, stage_of
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.world.ids import hubspot_company_key
from sandbox.world.life import AccountDay, account_day, deal_verdict, is_quiet, next_term, slipped_to, ticket_is_solved

_PEOPLE = Actor("user", "", source_id=f"{USER}900001")
_NOON_MS = 43_200_000


def live(portal: Portal, seed: int, day: date, stand_at: Callable[[datetime], None]) -> None:
    """Let a day happen; `stand_at` moves the portal's clock to the instant of each change."""
    companies = sorted(portal.stores["companies"].live.items())
    for identity, company in companies:
        key = hubspot_company_key(identity)
        ended = company.values.get("contract_end_date") == (day - timedelta(days=1)).isoformat()
        if key is not None and (ended or not is_quiet(seed, day, key)):
            today = account_day(seed, day, key)
            stand_at(today.at)
            _company(portal, company, today, day)
    stand_at(datetime.combine(day, time(17), UTC))
    for identity, deal in sorted(portal.stores["deals"].live.items()):
        _deal(portal, deal, deal_verdict(seed, day, identity), day)
    for identity, ticket in sorted(portal.stores["tickets"].live.items()):
        stage = stage_of("tickets", ticket.values.get("hs_pipeline_stage"))
        if stage is not None and not stage.closed and ticket_is_solved(seed, day, identity):
            portal.write("tickets", ticket, {"hs_pipeline_stage": "4"}, _PEOPLE)


def _company(portal: Portal, company: Record, today: AccountDay, day: date) -> None:
    values: dict[str, str] = {}
    usage = _number(company.values.get("logins_per_user_week_30d"))
    if today.usage is not None and usage is not None:
        values["logins_per_user_week_30d"] = f"{round(usage * today.usage, 2):g}"
        values["usage_updated_on"] = day.isoformat()
    if today.phone is not None:
        values["phone"] = today.phone
    ended = day - timedelta(days=1)
    if company.values.get("contract_end_date") == ended.isoformat():
        start, end = next_term(ended)
        renewed = {"contract_start_date": start.isoformat(), "contract_end_date": end.isoformat()}
        values |= renewed if today.renews else {"churn_date": day.isoformat()}
    if values:
        portal.write("companies", company, values, _PEOPLE)
    if today.ticket is not None and today.ticket.in_hubspot:
        asked = {"subject": today.ticket.subject, "hs_pipeline": "0", "hs_pipeline_stage": "1",
                 "hs_ticket_priority": today.ticket.priority,
                 "hs_ticket_category": today.ticket.category.upper()}  # fmt: skip
        ticket = portal.create("tickets", asked, _PEOPLE)
        portal.links.join("tickets", ticket.id, "companies", company.id, primary=True)


def _deal(portal: Portal, deal: Record, verdict: str, day: date) -> None:
    stage, due = stage_of("deals", deal.values.get("dealstage")), parse_ms(deal.values.get("closedate", ""))
    if stage is None or stage.closed or due is None or due >= midnight_ms(day):
        return
    if verdict == "slipped":
        values = {"closedate": instant(midnight_ms(slipped_to(day)) + _NOON_MS)}
    else:
        wanted = "1.0" if verdict == "won" else "0.0"
        line = next(line for line in PIPELINES["deals"] if stage in line.stages)
        closed = next(s.id for s in line.stages if s.closed and s.probability == wanted)
        values = {"dealstage": closed, "closedate": instant(midnight_ms(day) + _NOON_MS)}
    portal.write("deals", deal, values, _PEOPLE)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:  # an absurd value that someone typed
        return None
