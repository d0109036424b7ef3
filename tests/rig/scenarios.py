"""What a run goes through when it is killed: where it starts from, what it does, and what goes wrong besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Literal

from tests.rig.crm import Crm
from tests.rig.watched import Mischief, Vendor

StageName = Literal["fresh", "changed", "first"]
Verb = Literal["apply", "sync", "undo"]
USAGE: Mapping[Vendor, tuple[str, str]] = {
    "hubspot": ("logins_per_user_week_30d", "usage_updated_on"),
    "salesforce": ("Logins_Per_User_Week__c", "Usage_Updated_On__c"),
    "gainsight": ("Logins_Per_User_Week__gc", "Usage_Updated_On__gc"),
    "gainsight_beside": ("Logins_Per_User_Week__gc", "Usage_Updated_On__gc"),
}
"""The properties with a customer's use, and the day that it is of."""
SEGMENT: Mapping[Vendor, str] = {
    "hubspot": "cs_segment",
    "salesforce": "CS_Segment__c",
    "gainsight": "CS_Segment__gc",
    "gainsight_beside": "CS_Segment__gc",
}
SCORE: Mapping[Vendor, str] = {
    "hubspot": "cs_health_score",
    "salesforce": "CS_Health_Score__c",
    "gainsight": "CS_Health_Score__gc",
    "gainsight_beside": "CS_Health_Score__gc",
}
TENURE: Mapping[Vendor, str] = {
    "hubspot": "cs_tenure_stage",
    "salesforce": "CS_Tenure_Stage__c",
    "gainsight": "CS_Tenure_Stage__gc",
    "gainsight_beside": "CS_Tenure_Stage__gc",
}
THEIRS = "12.5"
"""A score that nothing computes, set by a person."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A CRM and a prepared store (None: none yet) at a moment.

    `plan` is ready to be applied, `wrote` is the run to undo, `foreign` what other workspaces keep in the store.
    """

    crm: Crm
    store: Path | None
    at: datetime
    plan: str = ""
    wrote: str = ""
    foreign: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A verb on a stage, with mischief; `healed` when the mischief ends before the run that must bring all to rest."""

    name: str
    stage: StageName
    verb: Verb
    mischief: tuple[Mischief, ...] = ()
    healed: bool = False

    def argument(self, stage: Stage) -> str:
        """What the verb is given."""
        return {"apply": stage.plan, "sync": "", "undo": stage.wrote}[self.verb]

    def touched(self) -> frozenset[tuple[str, str]]:
        """(record, property) where somebody else has a hand in the end; a property of "" means the whole record."""
        places = {(one.record, one.property if one.do == "edit" else "") for one in self.mischief if one.record}
        return frozenset(places | {(one.value, "") for one in self.mischief if one.do == "merge"})

    def baseline(self) -> str:
        """The scenario without mischief that ends in the same values, apart from what was touched."""
        return {"apply": self.stage, "sync": "first" if self.stage == "first" else "again", "undo": "undo"}[self.verb]


def named(vendor: Vendor, records: Sequence[str], segment: str) -> dict[str, Scenario]:
    """The scenarios by name; `records` carry accounts, `segment` is the one that the first of them is in."""
    score, one, other = SCORE[vendor], records[1], records[3]
    edit = Mischief("edit", "read", 1, one, score, THEIRS)
    beside = vendor == "gainsight_beside"  # the row stays when its company goes: written, or gone if the answer is lost
    found = (
        Scenario("fresh", "fresh", "apply"),
        Scenario("changed", "changed", "apply"),
        Scenario("first", "first", "sync"),
        Scenario("again", "changed", "sync"),
        Scenario("undo", "changed", "undo"),
        Scenario("edited", "fresh", "apply", (edit,)),
        Scenario("edited-again", "changed", "apply", (edit,)),
        Scenario("rejected", "fresh", "apply", (Mischief("forbid", property=SEGMENT[vendor], value=segment),)),
        Scenario("answer-lost", "changed", "apply", (Mischief("commit_then_drop"),)),
        Scenario("request-lost", "fresh", "apply", (Mischief("drop"),)),
        Scenario("late", "changed", "apply", (Mischief("late"),)),
        Scenario("bad-gateway", "fresh", "apply", (Mischief("502"), Mischief("truncated_json", nth=2))),
        Scenario("gone-before", "fresh", "apply", (Mischief("archive", "read", 1, other),)),
        Scenario("gone-meanwhile", "fresh", "apply", (Mischief("archive", "write", 1, other),), healed=beside),
        Scenario("lost-then-edited", "fresh", "apply",
                 (Mischief("drop"), Mischief("edit", "read", 2, one, score, THEIRS))),
    )  # fmt: skip
    return {scenario.name: scenario for scenario in found}


FAULTS = ("drop", "commit_then_drop", "500", "502", "503", "html_200", "truncated_json", "truncated_body", "late")
REFUSALS: Mapping[Vendor, tuple[str, ...]] = {
    "hubspot": ("unauthorized", "ten_secondly", "secondly", "locked"),
    "salesforce": ("unauthorized", "concurrent", "unavailable", "429"),
    "gainsight": ("unauthorized", "too_many"),
    "gainsight_beside": ("unauthorized", "too_many"),
}
"""What a vendor says when a token or a share of its service has run out; a day's quota would take the rest of a day."""


def mixed(vendor: Vendor, records: Sequence[str], seed: int) -> Scenario:
    """A scenario by chance: any stage and verb, up to three faults, and people at work."""
    dice = Random(seed)
    stage, verb = dice.choice(
        (("fresh", "apply"), ("fresh", "apply"), ("changed", "apply"), ("changed", "sync"), ("changed", "undo"))
    )
    faults = (*FAULTS, *REFUSALS[vendor])
    mischief = [
        Mischief(dice.choice(faults), "write", nth) for nth in dice.sample((1, 2, 3), dice.choice((0, 1, 1, 2, 3)))
    ]
    if dice.random() < 0.3:
        fault = dice.choice([one for one in faults if one not in ("late", "commit_then_drop")])
        mischief.append(Mischief(fault, "read", dice.randint(1, 3)))
    for record in dice.sample(list(records), dice.choice((0, 0, 1, 2))):
        role, nth = dice.choice((("read", 1), ("read", 2), ("read", 3)))
        what = dice.choices(("edit", "archive", "merge"), (6, 2, 2))[0]
        if what == "edit":
            mischief.append(Mischief("edit", role, nth, record, SCORE[vendor], f"{dice.randint(1, 99)}.25"))
        elif what == "archive":
            mischief.append(Mischief("archive", dice.choice(("read", "write")), nth, record))
        else:
            into = dice.choice([one for one in records if one != record])
            mischief.append(Mischief("merge", dice.choice(("read", "write")), nth, record, value=into))
    return Scenario(f"mix:{seed}", stage, verb, tuple(mischief), healed=True)
