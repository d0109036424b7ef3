"""Lets one day of the world happen in the org, by the same writes with which people's edits are made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sandbox.salesforce.fields import Value
from sandbox.salesforce.state import SalesforceState
from sandbox.salesforce.table import Row, Table
from sandbox.salesforce.writes import Writer
from sandbox.world.ids import salesforce_number
from sandbox.world.life import AccountDay, account_day, deal_verdict, is_quiet, next_term, slipped_to, ticket_is_solved


def live(state: SalesforceState, seed: int, day: date, stand_at: Callable[[datetime], None]) -> None:
    """Let a day happen; `stand_at` moves the org's clock to the instant of each change."""
    person = state.person()
    accounts, yesterday = state.org.tables["Account"], (day - timedelta(days=1)).isoformat()
    end_at = accounts.columns["Contract_End_Date__c"]
    for record_id, row in _live_rows(accounts):
        key = salesforce_number(record_id)
        if row[end_at] != yesterday and is_quiet(seed, day, key):
            continue
        today = account_day(seed, day, key)
        stand_at(today.at)
        writer = _writer(state, person)
        _account(writer, accounts, record_id, row, today, day)
        writer.commit()
    stand_at(datetime.combine(day, time(17), UTC))
    writer = _writer(state, person)
    for record_id, row in _live_rows(state.org.tables["Opportunity"]):
        _deal(writer, state.org.tables["Opportunity"], record_id, row, seed, day)
    cases = state.org.tables["Case"]
    for record_id, row in _live_rows(cases):
        if not row[cases.columns["IsClosed"]] and ticket_is_solved(seed, day, salesforce_number(record_id)):
            writer.update("Case", record_id, {"Status": "Closed"})
    writer.commit()


def _writer(state: SalesforceState, person: str) -> Writer:
    return state.admin(person, "", visible_after=timedelta(0))


def _live_rows(table: Table) -> list[tuple[str, Row]]:
    gone = table.columns["IsDeleted"]
    return sorted((record_id, row) for record_id, row in table.rows.items() if not row[gone])


def _account(writer: Writer, table: Table, record_id: str, row: Row, today: AccountDay, day: date) -> None:
    values: dict[str, Value] = {}
    usage = row[table.columns["Logins_Per_User_Week__c"]]
    if today.usage is not None and isinstance(usage, int | float):
        values["Logins_Per_User_Week__c"] = round(usage * today.usage, 2)
        values["Usage_Updated_On__c"] = day.isoformat()
    if today.phone is not None:
        values["Phone"] = today.phone
    ended = day - timedelta(days=1)
    if row[table.columns["Contract_End_Date__c"]] == ended.isoformat():
        start, end = next_term(ended)
        renewed: dict[str, Value] = {
            "Contract_Start_Date__c": start.isoformat(),
            "Contract_End_Date__c": end.isoformat(),
        }
        values |= renewed if today.renews else {"Churn_Date__c": day.isoformat()}
        if today.renews and "Contract" in writer.org.tables:
            arr = row[table.columns["ARR__c"]]
            writer.insert("Contract", {"AccountId": record_id, "StartDate": start.isoformat(), "ContractTerm": 12,
                                       "Status": "Activated", "ARR__c": arr})  # fmt: skip
    if values:
        writer.update("Account", record_id, values)
    if today.ticket is not None and not today.ticket.in_hubspot:
        writer.insert("Case", {"AccountId": record_id, "Subject": today.ticket.subject, "Status": "New",
                               "Origin": "Web", "Priority": today.ticket.priority.title(),
                               "Type": today.ticket.category.replace("_", " ").title()})  # fmt: skip


def _deal(writer: Writer, table: Table, record_id: str, row: Row, seed: int, day: date) -> None:
    if row[table.columns["IsClosed"]] or str(row[table.columns["CloseDate"]]) >= day.isoformat():
        return
    verdict = deal_verdict(seed, day, salesforce_number(record_id))
    if verdict == "slipped":
        writer.update("Opportunity", record_id, {"CloseDate": slipped_to(day).isoformat()})
        return
    stage = "Closed Won" if verdict == "won" else "Closed Lost"
    writer.update("Opportunity", record_id, {"StageName": stage, "CloseDate": day.isoformat()})
