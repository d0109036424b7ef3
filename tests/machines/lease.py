"""One lease and three owners who are slow, die, or come back late: at most one of them may ever go on."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from store import leases
from store.errors import LeaseHeld, LeaseLost
from store.leases import Lease
from store.tables import lease as lease_table
from tests.machines.kit import WS, World

KEY = "connection:crm"
HOUR = 3_600.0
OWNERS = ("run 1", "run 2", "run 3")


class LeaseMachine(RuleBasedStateMachine):
    """Takes, renews, checks and gives back, with leases of now and of long ago.

    Only the store's clock counts, and here it stands until somebody moves it.
    """

    TABLES = (lease_table,)
    taken = Bundle("taken")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world.emptied(*self.TABLES)
        self.store = world.store
        self.token = 0
        self.holder: Lease | None = None
        self.left = 0.0
        self.known: list[Lease] = []

    @rule(target=taken, owner=st.sampled_from(OWNERS), hours=st.integers(1, 3))
    def acquire(self, owner: str, hours: int) -> Lease:
        before = self.holder
        lease: Lease | None = None
        refused_for: str | None = None
        try:
            lease = leases.acquire(self.store, WS, KEY, owner, hours * HOUR)
        except LeaseHeld as held:
            refused_for = held.owner
        if before is not None and self.left > 0:
            assert refused_for == before.owner, "the lease was taken from its holder"
            return before  # whoever was refused knows nothing new
        assert lease is not None, "a lease that nobody has was refused"
        assert lease.token == self.token + 1, "a token that was given out before, or one left out"
        self.token, self.holder, self.left = lease.token, lease, lease.ttl_s
        self.known.append(lease)
        return lease

    @rule(lease=taken)
    def renew(self, lease: Lease) -> None:
        # It may have run out: as long as nobody else took it, nothing happened that its holder could not see.
        if self._raises(lambda: leases.renew(self.store, lease)):
            assert lease != self.holder, "the holder could not renew"
        else:
            assert lease == self.holder, "somebody renewed what is not his any more"
            self.left = lease.ttl_s

    @rule(lease=taken)
    def release(self, lease: Lease) -> None:
        leases.release(self.store, lease)
        if lease == self.holder:
            self.holder, self.left = None, 0.0

    @rule(lease=consumes(taken))
    def die(self, lease: Lease) -> None:
        """Nobody will use this lease again; what it holds is free when its time is over."""

    @rule(hours=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    def time_passes(self, hours: float) -> None:
        self.world.clock.sleep(hours * HOUR)
        self.left -= hours * HOUR

    @invariant()
    def only_the_holder_may_go_on(self) -> None:
        with self.store.write() as c:
            passed = [one for one in self.known if not self._raises(lambda one=one: leases.check(c, one))]
        expected = [self.holder] if self.holder is not None and self.left > 0 else []
        assert passed == expected

    @invariant()
    def everybody_sees_the_same_holder(self) -> None:
        with self.store.read() as c:
            seen = leases.holder(c, WS, KEY)
        if self.holder is None or self.left <= 0:
            assert seen is None
        else:
            assert seen is not None
            assert (seen.owner, seen.token) == (self.holder.owner, self.holder.token)
            assert seen.expires_in == self.left

    @staticmethod
    def _raises(act: Callable[[], None]) -> bool:
        try:
            act()
        except LeaseLost:
            return True
        return False
