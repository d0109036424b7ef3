"""Trials for whoever cannot fork: `python -m tests.rig.server` takes JSON orders, a line each, and answers in kind.

A test process has started threads, and what it forks would wait for locks that nobody holds. This one never does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.rig.clock import SharedClock
from tests.rig.crash import bench_of
from tests.rig.recovery import recover
from tests.rig.stages import Ground, prepare
from tests.rig.stores import StoreName, fast_folder
from tests.rig.trials import Bench, Trial
from tests.rig.watched import Vendor

Ask = Callable[..., dict[str, Any]]
"""Sends an order given by keywords and returns the answer; `error` in it says why there is none."""


@contextmanager
def asking() -> Iterator[Ask]:
    """A process that carries out orders until the block ends."""
    command = [sys.executable, "-m", "tests.rig.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        orders, answers = server.stdin, server.stdout

        def ask(**order: Any) -> dict[str, Any]:
            print(json.dumps(order), file=orders, flush=True)
            return dict(json.loads(answers.readline()))

        yield ask
        orders.close()


class Server:
    """Prepares what an order needs, once."""

    def __init__(self, after: ExitStack) -> None:
        self._after = after
        self._folder: Path = after.enter_context(fast_folder())
        self._grounds: dict[Vendor, Ground] = {}
        self._benches: dict[tuple[Vendor, StoreName], Bench] = {}

    def carry_out(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one order: a `trial`, the `edges` of an unbroken scenario, or a `recovery` after a kill at a point."""
        if "trial" in order:
            trial = Trial.parse(order["trial"])
            bench = self._bench(trial.vendor, trial.store)
            idle = order.get("idle", False) and bench.ground.goes_idle(trial.scenario)
            outcome = bench.carry_out(trial if idle else trial.without_idle())
            return {"places": outcome.places, "violations": [str(one) for one in outcome.violations]}
        bench = self._bench(order["vendor"], "sqlite")
        if "edges" in order:
            return {"edges": bench.unbroken(bench.ground.scenario(order["edges"])).edges}
        found = recover(bench, order["recovery"])
        return {"seconds": found.seconds, "doubts": found.doubts}

    def _bench(self, vendor: Vendor, store: StoreName) -> Bench:
        if vendor not in self._grounds:
            self._grounds[vendor] = prepare(vendor, self._folder, SharedClock())
        if (vendor, store) not in self._benches:
            folder = self._after.enter_context(fast_folder())
            made = self._after.enter_context(bench_of(self._grounds[vendor], store, folder))
            self._benches[vendor, store] = made
        return self._benches[vendor, store]


def main() -> None:
    with ExitStack() as after:
        server = Server(after)
        for line in sys.stdin:
            try:
                answer = server.carry_out(json.loads(line))
            except psycopg.OperationalError as error:
                answer = {"error": str(error), "absent": True}
            except Exception as error:  # noqa: BLE001 - it belongs into the answer, and the next order may fare better
                answer = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
