"""A workspace that is kept up to date over a bad line while people edit, and what the checker finds afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

from config.limits import Limit
from sync.deps import RunOptions, Timing
from sync.report import RunReport
from tests.chaos.line import WRITE_KINDS, BadLine
from tests.faults.kit import Trouble
from tests.faults.proxy import Breakage, ChaosProxy, Rule
from tests.flow.checker import evidence_of
from tests.flow.one_crm import one_crm
from tests.rig.checker import judge
from tests.rig.evidence import Idle

Vendor = Literal["hubspot", "salesforce"]
VENDORS: tuple[Vendor, ...] = ("hubspot", "salesforce")
ROUNDS = 5
ACCOUNTS = 10
BRIEF = {"connect": 1.0, "read": 0.4, "total": 0.8}
QUICK = Timing(deadline=1.0, grace=3.0, lease_ttl=30.0, heartbeat=5.0)
ANYTHING = RunOptions(max_changes=Limit(share=1.0), max_band_drops=Limit(share=1.0), max_shrink=1.0)
ENDED = ("complete", "partial")
CHANGES = {
    "hubspot": ("companies", "strategic_account", "cs_health_reasons"),
    "salesforce": ("Account", "Strategic_Account__c", "CS_Health_Reasons__c"),
}
"""The object, a property that people work with, and one that Keepwell writes."""


@dataclass(slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    vendor: Vendor
    requests: int = 0
    writes: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    confirmed: int = 0
    edits: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the requests whose bytes were broken, or those of their answers."""
        return self.broken.total() / max(1, self.requests)


def run(
    seed: int,
    vendor: Vendor,
    folder: Path,
    *,
    timing: Timing = QUICK,
    kinds: Mapping[Breakage, float] = WRITE_KINDS,
    rounds: int = ROUNDS,
) -> Outcome:
    """Some rounds of work and runs over a bad line, one run over a good one, then the checker."""
    outcome = Outcome(seed, vendor)
    dice = Random(seed)
    with one_crm(folder, vendor, accounts=ACCOUNTS) as made:
        made.provision()
        people = _People(Trouble(made, vendor), dice)
        line = BadLine(seed, people.edit_ours, kinds)
        with people.trouble.proxy(timeouts=BRIEF) as between:
            between.rules = line
            for _ in range(rounds):
                people.work()
                report = made.sync(ANYTHING, timing=timing)
                outcome.endings[report.status] += 1
                outcome.confirmed += report.buckets().confirmed
            _in_the_end(outcome, people, between)
        outcome.requests, outcome.writes, outcome.broken = line.requests, line.writes, line.broken
        outcome.edits = people.edits
    return outcome


def _in_the_end(outcome: Outcome, people: _People, between: ChaosProxy) -> None:
    """The line is good again: one run settles everything, and the next one has nothing to do."""
    made = people.trouble.made
    between.rules = None
    last = made.sync(ANYTHING, timing=QUICK)
    outcome.confirmed += last.buckets().confirmed
    if last.status not in ENDED:
        outcome.findings.append(f"14: the run over a good line ended {last.status}: {last.reason}")
    evidence = evidence_of(made)
    before = len(made.ours(at=people.trouble.name))
    counted = BadLine(outcome.seed, lambda _dice: None)
    between.rules = _Counting(counted)
    again: RunReport = made.sync(ANYTHING, timing=QUICK)
    effects = len(made.ours(at=people.trouble.name)) - before
    idle = Idle(effects=effects, writes=counted.writes, planned=again.buckets().planned)
    outcome.findings += map(str, judge(replace(evidence, idle=idle)))


class _Counting:
    """A good line that counts what is sent over it."""

    def __init__(self, line: BadLine) -> None:
        self._line = line

    def strikes(self, line: bytes) -> Rule | None:
        self._line.count(line)
        return None


class _People:
    """Those who work in the CRM meanwhile."""

    def __init__(self, trouble: Trouble, dice: Random) -> None:
        self.trouble = trouble
        self.edits = 0
        self._dice = dice
        self._object, self._theirs, self._ours = CHANGES[trouble.name]
        self._ids = sorted(trouble.truth()["companies" if trouble.name == "hubspot" else "accounts"])

    def work(self) -> None:
        """Some accounts are strategic now, or are not any more, which changes their segment and the next touch."""
        for one in self._dice.sample(self._ids, 6):
            flag = self._dice.random() < 0.5
            self._edit(one, {self._theirs: str(flag).lower() if self.trouble.name == "hubspot" else flag})

    def edit_ours(self, dice: Random) -> None:
        """Somebody sets a value that Keepwell writes as well."""
        self.edits += 1
        self._edit(dice.choice(self._ids), {self._ours: f"We know better ({dice.randrange(9)})"})

    def _edit(self, record_id: str, properties: dict[str, Any]) -> None:
        made = self.trouble.made
        made.person("edit", at=self.trouble.name, object=self._object, id=record_id, properties=properties)
