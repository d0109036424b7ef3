"""Every machine, and how long its histories are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

from tests.machines.cursor import CursorMachine
from tests.machines.kit import Dialect, World, world
from tests.machines.lease import LeaseMachine
from tests.machines.limiter import LimiterMachine, OneProcessMachine
from tests.machines.outbox import OutboxMachine
from tests.machines.writepath import WritePathMachine


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine; a history has `steps` steps."""

    make: Callable[[World], RuleBasedStateMachine]
    steps: int
    stores: tuple[Dialect, ...] = ("sqlite", "postgresql")


MACHINES: Mapping[str, Machine] = {
    "outbox": Machine(OutboxMachine, 20),
    "writepath": Machine(WritePathMachine, 6),
    "lease": Machine(LeaseMachine, 30),
    "limiter": Machine(LimiterMachine, 30),
    "limiter-threads": Machine(OneProcessMachine, 40, ("sqlite",)),  # the shelf is in memory, the store only stands by
    "cursor": Machine(CursorMachine, 8),
}


def try_out(name: str, dialect: Dialect, examples: int, seed: int | None = None, *, shrink: bool = True) -> None:
    """Try so many histories; raises what a wrong one raised, with its steps and how to reproduce it.

    `shrink` looks for the shortest one that goes wrong, which may take minutes.
    """
    machine = MACHINES[name]
    with world(dialect) as shared:
        test = get_state_machine_test(
            lambda: machine.make(shared),  # type: ignore[arg-type]
            settings=settings(
                max_examples=examples,
                stateful_step_count=machine.steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
                print_blob=True,
                report_multiple_bugs=False,
                phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            ),
        )
        (test if seed is None else seeded(seed)(test))()
