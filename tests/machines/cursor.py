"""Pulls that die at any page, from a CRM where people work meanwhile: the cursor never passes what was not read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from connectors.base import Connector
from store import cursors, epochs, leases
from store.tables import cursor, epoch, lease, mark, raw_alias, raw_record, raw_seq
from sync.pull import pull_streams
from sync.session import lease_key
from tests.machines.kit import WS, KeptThreads, Killed, World, dying_at, session_of
from tests.machines.source import ACCOUNTS, OVERLAP, Meanwhile, ModelSource

IDS = tuple(f"a{number}" for number in range(8))
POINTS = ("pull.page_read", "pull.page_stored", "pull.sealed")
WORK = st.one_of(
    st.tuples(st.just("save"), st.sampled_from(IDS), st.sampled_from([0, 0, 1, 30, 60])),
    st.tuples(st.just("archive"), st.sampled_from(IDS), st.just(0)),
    st.tuples(st.just("flood"), st.sampled_from(IDS), st.just(0)),
    st.tuples(st.just("tick"), st.just(""), st.sampled_from([1, 29, 61, 600])),
)
"""What people do: which, to which record, and how long their transaction took (or how long nothing happens)."""
Work = tuple[str, str, int]


@cache
def _threads() -> KeptThreads:
    return KeptThreads(4)  # one reads a stream, one reads ahead


class CursorMachine(RuleBasedStateMachine):
    """Pulls, whole and in increments, killed and gone on with; the store is compared with the CRM itself."""

    TABLES = (raw_record, raw_seq, raw_alias, epoch, cursor, mark, lease)

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world.emptied(*self.TABLES)
        self.store, self.clock = world.store, world.clock
        self.source = ModelSource(self.clock)
        self.lease = leases.acquire(self.store, WS, lease_key("crm"), "run", 1e9)
        self.runs = 0
        self.erased: set[str] = set()
        self.stored: dict[str, tuple[Any, bool]] = {}
        self.at: datetime | None = None
        self.open = False
        self.gone: set[str] = set()

    @initialize(present=st.lists(st.sampled_from(IDS), unique=True))
    def begin(self, present: list[str]) -> None:
        self.source.flood(present)
        self.clock.sleep(600.0)

    @rule(
        before=st.lists(WORK, max_size=3),
        erased=st.none() | st.sampled_from(IDS),
        meanwhile=st.lists(WORK, max_size=4),
        point=st.none() | st.sampled_from(POINTS),
        nth=st.integers(1, 3),
        full=st.sampled_from([False, False, True]),
    )
    def pull(
        self,
        before: Sequence[Work],
        erased: str | None,
        meanwhile: Sequence[Work],
        point: str | None,
        nth: int,
        full: bool,
    ) -> None:
        """People work, a record goes without a trace, which only a full read can see, and a run comes through or dies.

        A page may have been read ahead when it dies, so what was to happen meanwhile happens anyway. This is the only
        rule: Hypothesis leaves some of several out, and a history without pulls shows nothing.
        """
        for work in before:
            self._do(work)
        if erased is not None and erased in self.source.rows:
            self.source.erase(erased)
            self.erased.add(erased)
        resumed, there, gone = self.open, set(self.source.rows), self.gone
        whole = self._pull(meanwhile, point, nth, full=full)
        lost = (self.gone - gone) & there & set(self.source.rows)
        assert not lost, f"{lost} count as gone and were there all the time"
        if whole and full and not resumed:  # what a dead run read may have gone since
            self.erased = set()

    def _pull(self, meanwhile: Sequence[Work], point: str | None = None, nth: int = 1, *, full: bool) -> bool:
        self.runs += 1
        self.source.script = [cast("Meanwhile", partial(self._do, one)) for one in meanwhile]
        session = session_of(self.world, self.source, f"run{self.runs}", pool=lambda *_: _threads())
        session.options = type(session.options)(full=full)
        session.held["crm"] = self.lease
        try:
            with dying_at(point, nth):
                pull_streams(session, cast("Connector", self.source), [ACCOUNTS])
            return True
        except Killed:
            return False
        finally:
            for work in self.source.script:
                work()
            self.source.script = []
            self.clock.sleep(1.0)
            self._look()

    def _do(self, work: Work) -> None:
        what, record_id, number = work
        if what == "tick":
            self.clock.sleep(float(number))
        elif what == "flood":
            self.source.flood(IDS)
            self.erased = set()
        else:
            self.source.save(record_id, late=number, archived=what == "archive")
            self.erased.discard(record_id)

    @invariant()
    def the_cursor_never_passes_what_was_not_read(self) -> None:
        for row in self.source.rows.values():
            if self.at is not None and row.stamp < self.at:
                shown = self.stored.get(row.id)
                assert shown == (row.value, row.archived), f"{row} is before the cursor and was not read"

    def _look(self) -> None:
        """See what the pull left in the store."""
        with self.store.read() as c:
            found = cursors.cursor(c, WS, "crm", "accounts")
            rows = c.execute(select(raw_record)).all()
            proofs = c.execute(select(epoch.c.proof).where(epoch.c.state == "sealed")).scalars().all()
            opened = epochs.open_epochs(c, WS)
        assert len(opened) <= 1
        self.open = bool(opened)
        assert None not in proofs, "an epoch was sealed without its proof"
        self.at = found.at if found is not None else None
        self.stored = {row.id: (row.payload["value"], row.archived) for row in rows if not row.gone}
        # A row that was archived when it was seen last is not asked for by id; whether it is gone besides is all one.
        self.gone = {row.id for row in rows if row.gone and not row.archived}
        assert self.at is None or self.at <= self.clock.now() - OVERLAP, "late commits would be missed"

    def teardown(self) -> None:
        """Nobody works any more: what is left open is finished, then an increment shows all, and a full read also what
        went without a trace."""
        self.clock.sleep(600.0)
        self._pull([], full=False)
        self._pull([], full=False)
        self._compare(but=self.erased)
        self._pull([], full=True)
        self._compare(but=set())

    def _compare(self, but: set[str]) -> None:
        live = {one: value for one, (value, archived) in self.stored.items() if not archived and one not in but}
        assert live == {row.id: row.value for row in self.source.rows.values() if not row.archived}
