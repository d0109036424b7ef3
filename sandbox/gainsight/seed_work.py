"""What customer-success managers keep in Gainsight alone: calls to action, plans, timeline, relationships, usage."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from sandbox.gainsight.ids import gsid
from sandbox.gainsight.moments import DAY_MS, day_ms, ms
from sandbox.gainsight.tenant import Row
from sandbox.world.model import Account

if TYPE_CHECKING:
    from sandbox.gainsight.seed import Seeder

_WEAK_USAGE = 1.2
_RISKS = ("Usage Drop", "Support Risk", "Bugs Risk", "Survey Response")
_NOTES = ("Walked through the adoption report", "Agreed the next steps", "Spoke about the renewal",
          "Sponsor changed roles", "Shared the release notes")  # fmt: skip
_MET = ("Call", "In-Person Meeting")
_TYPES = ("Call", "Update", "Email", "In-Person Meeting")


class Work:
    """Adds what belongs to one company after the other; each has dice of its own."""

    def __init__(self, seeder: Seeder) -> None:
        self._seeder = seeder
        self._number = 0

    def add(self, account: Account, company: Row) -> None:
        """Seed the company's records; a prospect or a hand-made copy has none."""
        if account.contract_signed_at is None:
            return
        dice = Random(f"{self._seeder.world.seed} gainsight {account.key}")
        self._calls(account, company, dice)
        self._plan(account, company, dice)
        self._timeline(account, company, dice)
        if account.edition == "enterprise" and dice.random() < 0.3:
            self._relationship(account, company)
        if account.usage_as_of is not None:
            self._usage(account, company)

    def _calls(self, account: Account, company: Row, dice: Random) -> None:
        usage, renewal = account.logins_per_user_week, company["RenewalDate"]
        if usage is not None and usage < _WEAK_USAGE and account.churned_at is None:
            self._call(company, dice, "Risk", dice.choice(_RISKS), "Bring usage back", closed=False)
        if isinstance(renewal, int) and 0 <= renewal - self._seeder.now <= 120 * DAY_MS:
            self._call(company, dice, "Lifecycle", "Renewal", "Prepare the renewal", closed=False)
        for _ in range(dice.choice((0, 0, 1, 2))):
            self._call(company, dice, "Risk", dice.choice(_RISKS), "Follow up", closed=True)

    def _call(self, company: Row, dice: Random, kind: str, reason: str, name: str, *, closed: bool) -> None:
        seeder, due = self._seeder, dice.randrange(-20, 40) * DAY_MS
        created = seeder.now - dice.randrange(*((45, 200) if closed else (1, 30))) * DAY_MS
        ended = created + dice.randrange(1, 40) * DAY_MS
        status = dice.choice(("Closed Success", "Closed Lost")) if closed else dice.choice(("New", "Work In Progress"))
        values: Row = {
            "Name": name, "CompanyId": company["Gsid"], "OwnerId": company["Csm"],
            "DueDate": _day((ended if closed else seeder.now) + due), "TypeId": seeder.item("CTA_TYPE", kind),
            "StatusId": seeder.item("CTA_STATUS", status), "ReasonId": seeder.item("CTA_REASON", reason),
            "PriorityId": seeder.item("CTA_PRIORITY", dice.choice(("High", "Medium", "Medium", "Low"))),
            "IsClosed": closed, "ClosedDate": _day(ended) if closed else None, "IsImportant": False,
            "EntityType": "COMPANY",
        }  # fmt: skip
        row = self._add("call_to_action", values, created, ended if closed else created)
        if not closed:
            task: Row = {
                "Name": "Call the sponsor", "CallToActionId": row["Gsid"], "CompanyId": company["Gsid"],
                "OwnerId": company["Csm"], "DueDate": values["DueDate"], "IsClosed": False,
            }  # fmt: skip
            self._add("cs_task", task, created, created)

    def _plan(self, account: Account, company: Row, dice: Random) -> None:
        seeder, signed = self._seeder, account.contract_signed_at
        if signed is None or dice.random() < 0.3:
            return
        onboarding = account.go_live_at is None
        agreed, achieved = account.goals_agreed or 0, account.goals_achieved or 0
        kind, status = ("Onboarding", "Draft") if onboarding else ("ROI", "Active")
        created = ms(account.created_at) + DAY_MS
        values: Row = {
            "Name": f"{kind} plan", "CompanyId": company["Gsid"], "OwnerId": company["Csm"],
            "DueDate": day_ms(signed + timedelta(days=180)), "TypeId": seeder.item("SUCCESS_PLAN_TYPE", kind),
            "StatusId": seeder.item("SUCCESS_PLAN_STATUS", status),
            "ActiveDate": None if onboarding else day_ms(signed),
            "PercentComplete": round(min(1.0, achieved / agreed) * 100, 1) if agreed else 0,
        }  # fmt: skip
        self._add("cta_group", values, created, created)

    def _timeline(self, account: Account, company: Row, dice: Random) -> None:
        author = company["Csm"] or self._seeder.tenant.integration_user
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            at = self._seeder.now - dice.randrange(1, 180) * DAY_MS - dice.randrange(DAY_MS)
            values: Row = {
                "ContextName": "Company", "ContextId": company["Gsid"], "GsCompanyId": company["Gsid"],
                "AuthorId": author, "TypeName": dice.choice(_TYPES), "Subject": dice.choice(_NOTES),
                "Notes": f"<p>{dice.choice(_NOTES)}</p>", "ActivityDate": at,
            }  # fmt: skip
            self._attend(account, self._add("activity_timeline", values, at, at), at)

    def _attend(self, account: Account, activity: Row, at: int) -> None:
        """Let people of both sides take part, chosen by dice of the activity's own."""
        if activity["TypeName"] not in _MET:
            return
        dice = Random(str(activity["Gsid"]))
        there = dice.sample(account.contacts, min(len(account.contacts), dice.randrange(1, 4)))
        people = [("EXTERNAL", "ExternalAttendeeGsId", gsid("person", contact.key)) for contact in there]
        people.append(("INTERNAL", "InternalAttendeeGsId", str(activity["AuthorId"])))
        for number, (side, field, person) in enumerate(people):
            values: Row = {"ActivityId": activity["Gsid"], "AttendeeType": side, field: person}
            self._seeder.add("activity_attendee", f"{activity['Gsid']}/{number}", values, at, at)

    def _relationship(self, account: Account, company: Row) -> None:
        created = ms(account.created_at)
        values: Row = {
            "Name": f"{company['Name']} – product", "CompanyId": company["Gsid"], "Csm": company["Csm"],
            "TypeId": self._seeder.item("Relationship Type", "Product"), "Arr": company["Arr"],
            "Stage": self._seeder.item("Relationship Stage", "Adoption"), "RenewalDate": company["RenewalDate"],
        }  # fmt: skip
        self._add("relationship", values, created, created)

    def _usage(self, account: Account, company: Row) -> None:
        at = day_ms(account.usage_as_of) if account.usage_as_of else self._seeder.now
        values: Row = {
            "Company__gc": company["Gsid"], "External_Key__gc": f"usage-{account.key}", "As_Of__gc": at,
            "Logins_Per_User_Week__gc": account.logins_per_user_week, "Active_Users__gc": account.users_active,
            "Licensed_Users__gc": account.users_licensed, "Features_Used__gc": account.features_used,
            "Features_Licensed__gc": account.features_licensed, "Data_Volume__gc": account.data_volume,
        }  # fmt: skip
        self._add("usage_metrics__gc", values, at, at)

    def _add(self, object_name: str, values: Row, created: int, touched: int) -> Row:
        self._number += 1
        return self._seeder.add(object_name, f"seed/{self._number}", values, created, touched)


def _day(instant: int) -> int:
    return instant // DAY_MS * DAY_MS
