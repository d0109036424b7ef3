"""Projects the seeded world into the portal: companies with their facts, children, owners and associations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.hubspot.clock import instant, midnight_ms, to_ms
from sandbox.hubspot.objects import OBJECT_TYPES, milestone_property
from sandbox.hubspot.owners import Owner, owner_id
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.seed_children import contact_values, deal_values, meeting_values, survey_values, ticket_values
from sandbox.world.ids import hubspot_company_id, salesforce_account_id
from sandbox.world.model import Account, Deal, Meeting, Person, Ticket, World

_FACTS = {
    "name": "name", "domain": "domain", "industry": "industry", "country": "country",
    "numberofemployees": "employees", "account_currency": "currency", "annual_recurring_revenue": "arr",
    "annual_contract_value": "acv", "product_edition": "edition", "strategic_account": "strategic",
    "reference_status": "reference_status", "contract_signed_date": "contract_signed_at",
    "renewal_forecast": "renewal_forecast", "churn_date": "churned_at", "go_live_date": "go_live_at",
    "planned_go_live_date": "planned_go_live_at", "first_value_date": "first_value_at",
    "implementation_team_assigned_date": "implementation_team_assigned_at",
    "success_criteria_documented_date": "success_criteria_documented_at",
    "project_manager_identified_date": "project_manager_identified_at", "csm_assigned_at": "csm_assigned_at",
    "logins_per_user_week_30d": "logins_per_user_week", "features_used_30d": "features_used",
    "features_licensed": "features_licensed", "data_volume_30d": "data_volume",
    "data_volume_contracted": "data_volume_contracted", "usage_updated_on": "usage_as_of",
    "roi_realised": "roi_realised", "roi_target": "roi_target", "goals_achieved": "goals_achieved",
    "goals_agreed": "goals_agreed", "hours_saved": "hours_saved", "hours_saved_target": "hours_saved_target",
    "value_reviewed_on": "value_as_of", "expansion_discussions_180d": "expansion_discussions",
    "quantity_used_30d": "quantity_used", "quantity_licensed": "quantity_licensed",
    "monthly_active_users": "users_active", "licensed_users": "users_licensed",
    "provisioned_users": "users_provisioned", "activated_users": "users_activated",
    "last_product_activity_date": "last_activity_at", "leads_achieved": "leads_achieved", "leads_goal": "leads_goal",
    "new_sales_achieved": "sales_achieved", "new_sales_goal": "sales_goal",
    "executives_engaged_180d": "executives_engaged", "delivery_budget": "delivery_budget",
    "delivery_cost": "delivery_cost",
}  # fmt: skip
_TERM_FACTS = {"contract_start_at": "contract_start_date", "contract_end_at": "contract_end_date"}
_PROPERTY_OF = {fact: name for name, fact in _FACTS.items()} | _TERM_FACTS
_RETIRED_OFFSET = 3  # between the seeded company ids, so that it never meets one


def text(value: object) -> str:
    """Write any fact as HubSpot would hold it; None becomes the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return instant(to_ms(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return str(value)


@dataclass(slots=True)
class _Filler:
    """One pass over a world; `latest` keeps seeded instants out of the portal's future."""

    portal: Portal
    world: World
    latest: int

    def companies(self) -> None:
        losers: dict[int, list[int]] = {}
        for account in self.world.accounts:
            if account.in_hubspot and account.merged_into is not None:
                losers.setdefault(account.merged_into, []).append(account.key)
        for account in self.world.accounts:
            if account.in_hubspot and account.merged_into is None:
                self._company(account, losers.get(account.key, []))
        shown = self.portal.stores["companies"].live
        for account in self.world.accounts:
            if account.parent is not None:
                child, parent = _company_id(account.key), _company_id(account.parent)
                if child in shown and parent in shown:
                    self.portal.links.adopt(child, parent)
                    shown[child].values["hs_parent_company_id"] = str(parent)

    def children(self, account: Account) -> None:
        company = _company_id(account.key) if not account.archived else None
        parent = self.portal.links.parent(company) if company else None
        people = {c.key: self._add("contacts", c.key, contact_values(c), account.created_at) for c in account.contacts}
        for identity in people.values():
            self._join("contacts", identity, company)
        self.deals(account.deals, company, parent)
        self.tickets(account.tickets, company)
        self.meetings(account.meetings, company, people)
        for survey in account.surveys:
            identity = self._add("feedback_submissions", survey.key, survey_values(survey), survey.answered_at)
            self._join("feedback_submissions", identity, company, primary=False)
            if survey.contact in people:
                self.portal.links.join("feedback_submissions", identity, "contacts", people[survey.contact])

    def deals(self, deals: Iterable[Deal], company: int | None, parent: int | None = None) -> None:
        for deal in deals:
            if deal.in_hubspot:
                identity = self._add("deals", deal.key, deal_values(deal), deal.created_at)
                self._join("deals", identity, company)
                # The head office sees its subsidiaries' deals, but is never their primary company.
                self._join("deals", identity, parent, primary=False)

    def tickets(self, tickets: Iterable[Ticket], company: int | None) -> None:
        for ticket in tickets:
            if ticket.in_hubspot:
                identity = self._add("tickets", ticket.key, ticket_values(ticket), ticket.created_at)
                self._join("tickets", identity, company)

    def meetings(self, meetings: Iterable[Meeting], company: int | None, people: dict[int, int]) -> None:
        for meeting in meetings:
            if meeting.in_hubspot:
                booked = meeting.starts_at - timedelta(days=14)
                identity = self._add("meetings", meeting.key, meeting_values(meeting), booked)
                self._join("meetings", identity, company, primary=False)
                for contact in meeting.contacts:
                    if contact in people:
                        self.portal.links.join("meetings", identity, "contacts", people[contact])

    def _company(self, account: Account, losers: list[int]) -> None:
        values = {name: text(getattr(account, fact)) for name, fact in _FACTS.items()}
        term = account.term_on(self.world.today)
        if term is not None:
            values["contract_start_date"], values["contract_end_date"] = text(term.start), text(term.end)
            values["auto_renew"] = text(term.auto_renew)
            values["cancel_notice_date"] = text(term.cancel_notice_at)
        values |= {milestone_property(key): text(day) for key, day in account.milestones.items()}
        people = {"hubspot_owner_id": account.owner, "csm_owner": account.csm, "executive_sponsor": account.sponsor}
        values |= {name: owner_id(person) for name, person in people.items()}
        values["lifecyclestage"] = "opportunity" if account.story == "prospect" else "customer"
        if account.in_salesforce and account.linked:
            values["salesforceaccountid"] = salesforce_account_id(account.key)
        for fact, absurd in account.quirks.items():
            values[_PROPERTY_OF[fact]] = absurd
        identity = _company_id(account.key)
        if losers:
            retired = [identity + _RETIRED_OFFSET, *(_company_id(key) for key in losers)]
            values["hs_merged_object_ids"] = ";".join(map(str, retired))
            self.portal.stores["companies"].retired.update(dict.fromkeys(retired, identity))
        self._add("companies", account.key, values, account.created_at, identity, archived=account.archived)

    def _add(
        self, kind: str, key: int, values: dict[str, str], created: datetime, identity: int | None = None,
        *, archived: bool = False,
    ) -> int:  # fmt: skip
        shape = OBJECT_TYPES[kind]
        number = identity if identity is not None else shape.first_id + 3 * key
        made = min(to_ms(created), self.latest)
        # Spread over the last 45 days, so that an incremental pull has something to leave out.
        modified = max(made, self.latest - (number * 7919 + len(kind)) % (45 * 86_400) * 1000 - number % 1000)
        kept = {name: value for name, value in values.items() if value}
        kept |= {"hs_object_id": str(number), shape.created: instant(made), shape.modified: instant(modified),
                 "hs_object_source": "IMPORT"}  # fmt: skip
        record = Record(number, kept, made, modified, archived_ms=modified if archived else None)
        self.portal.stores[kind].add(record)
        if not archived:
            self.portal.index.know(kind, record)
        return number

    def _join(self, kind: str, identity: int, company: int | None, *, primary: bool = True) -> None:
        if company is not None:
            self.portal.links.join(kind, identity, "companies", company, primary=primary)


def fill(portal: Portal, world: World) -> None:
    """Put a world into an empty portal; HubSpot ids of companies are `sandbox.world.ids`'."""
    now = portal.now_ms()
    latest = min(midnight_ms(world.today) + 6 * 3_600_000, now - 3_600_000)
    portal.owners = [_owner(person) for person in world.people]
    filler = _Filler(portal, world, latest)
    filler.companies()
    for account in world.accounts:
        if account.in_hubspot:
            filler.children(account)
    filler.deals(world.orphan_deals, None)
    filler.tickets(world.orphan_tickets, None)
    filler.meetings(world.orphan_meetings, None, {})


def _owner(person: Person) -> Owner:
    made = midnight_ms(date(2021, 3, 1))
    return Owner(owner_id(person.key), person.email, person.first_name, person.last_name, 900_000 + person.key, made,
                 archived=not person.active)  # fmt: skip


def _company_id(key: int) -> int:
    return int(hubspot_company_id(key))
