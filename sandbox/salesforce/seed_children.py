"""Deals, tickets, terms, contacts and meetings as records below their accounts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar

from sandbox.salesforce.fields import Value
from sandbox.salesforce.moments import stamp
from sandbox.world.ids import salesforce_account_id
from sandbox.world.model import Account, Contact, Deal, Meeting, Term, Ticket

if TYPE_CHECKING:
    from sandbox.salesforce.seed import Seeder

Values = dict[str, Value]
Homed = TypeVar("Homed", Deal, Ticket, Meeting)

_STAGE_OF = {
    "appointment": "Qualification",
    "proposal": "Proposal/Price Quote",
    "contract_sent": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
_PROGRESS = {"Qualification": (10.0, "Pipeline"), "Proposal/Price Quote": (60.0, "Best Case"),
             "Negotiation/Review": (80.0, "Commit"), "Closed Won": (100.0, "Closed"),
             "Closed Lost": (0.0, "Omitted")}  # fmt: skip
_KINDS = {"new": "New Customer", "renewal": "Renewal", "expansion": "Existing Customer - Upgrade",
          "contraction": "Existing Customer - Downgrade"}  # fmt: skip
_OUTCOMES = {"completed": "Completed", "no_show": "No Show", "cancelled": "Cancelled", "scheduled": "Scheduled",
             "rescheduled": "Rescheduled"}  # fmt: skip
_FORECAST_CODES = {"Best Case": "BestCase", "Commit": "Forecast"}


class Children:
    """Seeds what hangs below accounts; children of a merged account hang below its survivor."""

    def __init__(self, seeder: Seeder) -> None:
        self._seeder = seeder
        self._contacts: dict[int, str] = {}

    def run(self) -> None:
        """Seed the children of every account, then the orphans."""
        for account in self._seeder.accounts.values():
            holder = self._seeder.final_owner(account)
            if holder is not None:
                self._of(account, salesforce_account_id(holder.key), gone=holder.archived)
        world = self._seeder.world
        for deal in _here(world.orphan_deals):
            self._deal(deal, None, gone=False)
        for ticket in _here(world.orphan_tickets):
            self._ticket(ticket, None, gone=False)
        for meeting in _here(world.orphan_meetings):
            self._meeting(meeting, None, gone=False)

    def _of(self, account: Account, account_id: str, *, gone: bool) -> None:
        for contact in account.contacts:
            self._contact(contact, account_id, account, gone=gone)
        for deal in _here(account.deals):
            self._deal(deal, account_id, gone=gone)
        for ticket in _here(account.tickets):
            self._ticket(ticket, account_id, gone=gone)
        for term in account.terms:
            self._term(term, account_id, account, gone=gone)
        for meeting in _here(account.meetings):
            self._meeting(meeting, account_id, gone=gone)

    def _add(self, name: str, values: Values, created: datetime, latest: datetime) -> str:
        seeder = self._seeder
        touched = seeder.touched(f"{name}{len(seeder.org.tables[name].rows)}", created, latest)
        return seeder.add(name, values, created=created, touched=touched)

    def _contact(self, contact: Contact, account_id: str, account: Account, *, gone: bool) -> None:
        values: Values = {
            "AccountId": account_id, "FirstName": contact.first_name[:40], "LastName": contact.last_name[:80] or "-",
            "Name": f"{contact.first_name} {contact.last_name}"[:121], "Email": contact.email[:80],
            "Title": contact.title[:128], "OwnerId": self._seeder.user(account.owner), "IsDeleted": gone,
        }  # fmt: skip
        self._contacts[contact.key] = self._add("Contact", values, account.created_at, account.created_at)

    def _deal(self, deal: Deal, account_id: str | None, *, gone: bool) -> None:
        stage = _STAGE_OF.get(deal.stage, "Qualification")
        probability, forecast = _PROGRESS[stage]
        closed = deal.state != "open"
        ended = deal.closed_won_at or datetime.combine(deal.close_date, time(12), UTC)
        changed = ended if closed else deal.created_at
        values: Values = {
            "AccountId": account_id, "Name": deal.name[:120], "StageName": stage, "Type": _KINDS.get(deal.kind),
            "Amount": None if deal.amount is None else float(deal.amount), "CurrencyIsoCode": deal.currency,
            "CloseDate": deal.close_date.isoformat(), "Probability": probability, "IsClosed": closed,
            "IsWon": deal.state == "won", "ForecastCategory": _FORECAST_CODES.get(forecast, forecast),
            "ForecastCategoryName": forecast, "LastStageChangeDate": stamp(min(changed, self._seeder.now)),
            "OwnerId": self._seeder.user(deal.owner), "Loss_Reason__c": deal.lost_reason, "IsDeleted": gone,
            "Contract_Term_Months__c": None if deal.term_months is None else float(deal.term_months),
        }  # fmt: skip
        deal_id = self._add("Opportunity", values, deal.created_at, changed)
        if closed:
            self._history(deal_id, {**values, "StageName": "Qualification", "Probability": 10.0}, deal.created_at)
        self._history(deal_id, values, changed)

    def _history(self, deal_id: str, values: Values, when: datetime) -> None:
        copied = ("StageName", "Amount", "Probability", "CloseDate", "ForecastCategory", "IsDeleted", "CurrencyIsoCode")
        row: Values = {"OpportunityId": deal_id, **{name: values[name] for name in copied}}
        self._seeder.add("OpportunityHistory", row, created=when, touched=when)

    def _ticket(self, ticket: Ticket, account_id: str | None, *, gone: bool) -> None:
        status = "Closed" if ticket.closed_at else ("Escalated" if ticket.level > 1 else "Working")
        number = len(self._seeder.org.tables["Case"].rows) + 1001
        values: Values = {
            "CaseNumber": f"{number:08d}", "AccountId": account_id, "Subject": ticket.subject[:255], "Status": status,
            "Type": ticket.category.replace("_", " ").title() if ticket.category else None, "Origin": "Web",
            "Priority": ticket.priority.title(), "IsClosed": ticket.closed_at is not None,
            "ClosedDate": stamp(ticket.closed_at) if ticket.closed_at else None, "IsEscalated": ticket.level > 1,
            "OwnerId": self._seeder.user(ticket.owner), "Sentiment__c": ticket.sentiment,
            "Escalation_Level__c": float(ticket.level), "IsDeleted": gone,
            "First_Reply_At__c": stamp(ticket.first_reply_at) if ticket.first_reply_at else None,
        }  # fmt: skip
        latest = ticket.closed_at or ticket.first_reply_at or ticket.created_at
        self._add("Case", values, ticket.created_at, latest)

    def _term(self, term: Term, account_id: str, account: Account, *, gone: bool) -> None:
        after = term.end + timedelta(days=1)
        months = (after.year - term.start.year) * 12 + after.month - term.start.month
        created = datetime.combine(term.signed_at or term.start, time(9), UTC)
        values: Values = {
            "AccountId": account_id, "StartDate": term.start.isoformat(), "EndDate": term.end.isoformat(),
            "ContractNumber": f"{len(self._seeder.org.tables['Contract'].rows) + 101:08d}",
            "ContractTerm": months or None, "Status": "Activated" if term.signed_at else "Draft",
            "StatusCode": "Activated" if term.signed_at else "Draft", "ARR__c": float(term.arr),
            "ActivatedDate": stamp(created) if term.signed_at else None, "CurrencyIsoCode": term.currency,
            "Auto_Renew__c": term.auto_renew, "OwnerId": self._seeder.user(account.owner), "IsDeleted": gone,
            "Cancel_Notice_Date__c": term.cancel_notice_at.isoformat() if term.cancel_notice_at else None,
        }  # fmt: skip
        self._add("Contract", values, created, created)

    def _meeting(self, meeting: Meeting, account_id: str | None, *, gone: bool) -> None:
        invited = [self._contacts[key] for key in meeting.contacts if key in self._contacts]
        values: Values = {
            "WhatId": account_id, "AccountId": account_id, "WhoId": invited[0] if invited else None,
            "Subject": meeting.title[:255], "StartDateTime": stamp(meeting.starts_at),
            "EndDateTime": stamp(meeting.ends_at), "ActivityDateTime": stamp(meeting.starts_at),
            "ActivityDate": meeting.starts_at.astimezone(UTC).date().isoformat(),
            "DurationInMinutes": int((meeting.ends_at - meeting.starts_at).total_seconds() // 60),
            "Type": meeting.type, "Outcome__c": _OUTCOMES.get(meeting.outcome), "IsDeleted": gone,
            "OwnerId": self._seeder.user(meeting.owner),
        }  # fmt: skip
        created = min(meeting.starts_at - timedelta(days=7), self._seeder.now)
        event_id = self._add("Event", values, created, meeting.ends_at)
        for contact_id in invited:
            relation: Values = {
                "EventId": event_id, "RelationId": contact_id, "IsParent": contact_id == invited[0], "IsInvitee": True,
                "Status": "Accepted", "AccountId": account_id, "IsDeleted": gone,
            }  # fmt: skip
            self._add("EventRelation", relation, created, meeting.ends_at)


def _here(items: Iterable[Homed]) -> list[Homed]:
    """Keep the children that live in Salesforce; a world that does not say so keeps them in both CRMs."""
    return [item for item in items if getattr(item, "in_salesforce", True)]
