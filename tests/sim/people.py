"""What people and other systems do in the CRMs meanwhile: work, edit what is not theirs, put it back, make trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from tests.sim.crm import ModelCrm, Record

MINUTE, HOUR = 60.0, 3_600.0
FEWEST, MOST = 6, 10
OVERRIDES = ("cs_renewal_status_override", "cs_override_reason", "cs_override_until")
Names = Mapping[str, str]

SOURCES: Mapping[str, Names] = {
    "hubspot": {
        "name": "name", "domain": "domain", "arr": "annual_recurring_revenue", "logins": "logins_per_user_week_30d",
        "used": "features_used_30d", "licensed": "features_licensed", "live": "go_live_date",
        "start": "contract_start_date", "end": "contract_end_date", "signed": "contract_signed_date",
        "fresh": "usage_updated_on", "roi": "roi_realised", "target": "roi_target", "valued": "value_reviewed_on",
    },
    "salesforce": {
        "name": "Name", "domain": "Website", "arr": "ARR__c", "logins": "Logins_Per_User_Week__c",
        "used": "Features_Used_30d__c", "licensed": "Features_Licensed__c", "live": "Go_Live_Date__c",
        "start": "Contract_Start_Date__c", "end": "Contract_End_Date__c", "signed": "Contract_Signed_Date__c",
        "fresh": "Usage_Updated_On__c", "roi": "ROI_Realised__c", "target": "ROI_Target__c",
        "valued": "Value_Reviewed_On__c",
    },
}  # fmt: skip


class People:
    """Everybody who is not Keepwell."""

    def __init__(
        self, crms: Mapping[str, ModelCrm], owned: tuple[str, ...], dice: Random, clock: Callable[[], float]
    ) -> None:
        self._crms = crms
        self._owned = owned
        self._dice = dice
        self._clock = clock
        self._made = 0
        self.edits = 0

    def settle_in(self) -> None:
        """The accounts of the beginning; some are customers in both CRMs."""
        for crm in self._crms.values():
            self._made = 0
            for _ in range(8):
                self._new_account(crm)

    def act(self) -> None:
        """One thing that somebody does."""
        crm = self._crms[self._dice.choice(sorted(self._crms))]
        acts: dict[Callable[[ModelCrm], None], float] = {
            self._work: 60,
            self._open_or_close_a_case: 12,
            self.edit_ours: 7,
            self._put_back: 14,
            self._override: 2,
            self._come_or_go: 1.2,
            self._merge: 0.5,
        }
        self._dice.choices(list(acts), list(acts.values()))[0](crm)

    def trouble(self) -> None:
        """A rule, a lock or another app's hunger, for a while."""
        crm = self._crms[self._dice.choice(sorted(self._crms))]
        kind = self._dice.random()
        if kind < 0.5:
            crm.refusing = set(self._dice.sample(self._owned, 1)) if not crm.refusing else set()
        elif kind < 0.95:
            crm.locked = {self._some(crm).id} if not crm.locked else set()
        else:
            crm.spent_until = self._clock() + self._dice.uniform(0.5, 3) * HOUR

    def go_home(self) -> None:
        """Nobody is in the way any more."""
        for crm in self._crms.values():
            crm.refusing, crm.locked = set(), set()

    def edit_ours(self, crm: ModelCrm) -> None:
        """Somebody edits, or clears, a value that Keepwell writes."""
        record, name = self._some(crm), self._dice.choice(self._owned)
        mine = [one for one in crm.live() if one.values.get(name) not in (None, record.values.get(name))]
        copied = self._dice.choice(mine).values[name] if mine else None
        self.edits += 1
        crm.edit(crm.accounts, record, {name: copied if self._dice.random() < 0.8 else None})

    def _work(self, crm: ModelCrm) -> None:
        names, record = SOURCES[crm.name], self._some(crm)
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        change: dict[str, str | None] = {
            names["fresh"]: today.isoformat(),
            names["valued"]: today.isoformat(),
        }
        some = self._dice.sample(["logins", "used", "roi", "arr", "end"], 2)
        draw = {
            "logins": lambda: f"{self._dice.uniform(0, 4):.1f}",
            "used": lambda: str(self._dice.randrange(11)),
            "roi": lambda: str(self._dice.randrange(0, 200) * 1000),
            "arr": lambda: str(self._dice.choice((8_000, 40_000, 150_000, 600_000))),
            "end": lambda: f"{today + timedelta(days=self._dice.randrange(-20, 400))}",
        }
        crm.edit(crm.accounts, record, change | {names[one]: draw[one]() for one in some})

    def _open_or_close_a_case(self, crm: ModelCrm) -> None:
        if "cases" not in crm.objects:
            return
        open_ones = [one for one in crm.live("cases") if one.values["ClosedDate"] is None]
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if len(open_ones) > 5:
            crm.edit("cases", self._dice.choice(open_ones), {"ClosedDate": stamp, "Status": "Closed"})
            return
        crm.create(
            "cases",
            {
                "AccountId": self._some(crm).id,
                "Subject": "It does not work",
                "Status": "New",
                "Priority": self._dice.choice(("Low", "High")),
                "Sentiment__c": str(self._dice.randrange(1, 6)),
                "CreatedDate": stamp,
                "ClosedDate": None,
            },
        )

    def _put_back(self, crm: ModelCrm) -> None:
        """Somebody takes back an edit: the value that Keepwell wrote is there again."""
        last: dict[tuple[str, str], str | None] = {}
        edited: dict[tuple[str, str], None] = {}
        for effect in crm.journal[-4_000:]:
            key = (effect.id, effect.property)
            if effect.action != "set" or effect.property not in self._owned:
                continue
            if effect.actor.startswith("api:"):
                last[key] = effect.new
                edited.pop(key, None)
            else:
                edited[key] = None
        known = crm.objects[crm.accounts]
        wrong = [key for key in edited if key in last and not known[key[0]].gone]
        wrong = [key for key in wrong if known[key[0]].values[key[1]] != last[key]]
        for key in self._dice.sample(wrong, min(3, len(wrong))):
            crm.edit(crm.accounts, known[key[0]], {key[1]: last[key]})

    def _override(self, crm: ModelCrm) -> None:
        until = datetime.fromtimestamp(self._clock(), UTC).date() + timedelta(days=self._dice.randrange(-2, 10))
        values = ("at_risk", "We know better", until.isoformat())
        given: tuple[str | None, ...] = values if self._dice.random() < 0.5 else (None, None, None)
        crm.edit(crm.accounts, self._some(crm), dict(zip(OVERRIDES, given, strict=True)))

    def _come_or_go(self, crm: ModelCrm) -> None:
        number = len(crm.live())
        if number >= MOST or (number > FEWEST and self._dice.random() < 0.5):
            crm.delete(crm.accounts, self._some(crm))
        else:
            self._new_account(crm)

    def _merge(self, crm: ModelCrm) -> None:
        if len(crm.live()) > FEWEST:
            survivor, loser = self._dice.sample(crm.live(), 2)
            crm.merge(survivor, loser)

    def _new_account(self, crm: ModelCrm) -> None:
        names = SOURCES[crm.name]
        self._made += 1
        # Every second account is a customer in both CRMs.
        domain = f"customer{self._made}.example" if self._made % 2 else f"{crm.name}{self._made}.example"
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        values = {
            "name": f"Customer {self._made}",
            "domain": domain,
            "arr": "40000",
            "logins": "2.5",
            "used": "7",
            "licensed": "10",
            "live": (today - timedelta(days=self._dice.randrange(20, 600))).isoformat(),
            "start": (today - timedelta(days=700)).isoformat(),
            "signed": (today - timedelta(days=710)).isoformat(),
            "end": (today + timedelta(days=self._dice.randrange(5, 300))).isoformat(),
            "fresh": today.isoformat(),
            "roi": "90000",
            "target": "100000",
            "valued": today.isoformat(),
        }
        crm.create(crm.accounts, {names[one]: value for one, value in values.items()})

    def _some(self, crm: ModelCrm) -> Record:
        return self._dice.choice(crm.live())
