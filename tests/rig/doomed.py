"""The process that may die: a fork of the rig in which a run is made, and what it left to read afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from config.settings import Settings
from connectors.clock import Clock
from mapping.framework import Framework
from sync.assemble import assemble
from sync.deps import Deps, Timing
from sync.engine import run_apply, run_plan, run_pull, run_sync, run_undo
from sync.fields import fields_apply
from sync.report import RunReport
from tests.rig.edges import Edges, Kill
from tests.rig.kin import die_with_parent

LIVENESS = 60.0
"""Seconds after which a run that has not ended counts as hanging."""
PIPE = 1 << 20
MODULES = "modules"
"""Key in the report of a logged run under which it tells what it has imported."""
TIMING = Timing(lease_ttl=600.0)
"""As configured, but for the lease: its heartbeat goes by real time, of which hardly any passes."""


class RunClock(Clock, Protocol):
    """A clock that also knows how to sleep."""

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What a process shall do: a verb with its argument in a workspace, and where it is to die."""

    verb: str
    argument: str = ""
    workspace: str = "default"
    kill: Kill | None = None
    log: bool = False
    timing: Timing = TIMING


@dataclass(frozen=True, slots=True)
class Left:
    """What a process left: the signal or exit code that ended it, where it died, its report, edges and output."""

    code: int
    where: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[str, ...] = ()
    output: bytes = b""

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class World:
    """Where the runs of a trial take place."""

    settings: Mapping[str, Any]
    clock: RunClock
    framework: Framework

    def run(self, order: Order) -> Left:
        """Carry out an order in a new process; raises TimeoutError for one that hangs."""
        return self.wait(*self.start(order))

    def start(self, order: Order) -> tuple[int, int]:
        """Begin; returns the process id and the pipe that it writes to."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)  # so that nobody has to read before the end
        child = os.fork()
        if child == 0:
            os.close(reader)
            _be_the_run(self, order, writer)
        os.close(writer)
        return child, reader

    def wait(self, child: int, reader: int, seconds: float = LIVENESS) -> Left:
        """Read to the end of the process; raises TimeoutError for one that hangs, which is ended."""
        parts: list[bytes] = []
        try:
            while True:
                ready, _, _ = select.select([reader], [], [], seconds)
                if not ready:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    raise TimeoutError(f"A run has not ended after {seconds:.0f} s.")
                part = os.read(reader, 1 << 16)
                if not part:
                    break
                parts.append(part)
            _, status = os.waitpid(child, 0)
        finally:
            os.close(reader)
        return _read(os.waitstatus_to_exitcode(status), b"".join(parts))


def _read(code: int, written: bytes) -> Left:
    where, report, edges, output = "", {}, (), []
    for line in written.splitlines():
        kind, _, content = line.partition(b" ")
        if kind == b"where":
            where = content.decode()
        elif kind == b"report":
            report = json.loads(content)
        elif kind == b"edges":
            edges = tuple(json.loads(content))
        else:
            output.append(line)
    return Left(code, where, report, edges, written)


def _be_the_run(world: World, order: Order, pipe: int) -> None:
    """The new process: whatever it says goes into the pipe; it never returns."""
    code = 70
    try:
        die_with_parent()
        os.dup2(pipe, 1)
        os.dup2(pipe, 2)
        log: list[str] | None = [] if order.log else None
        Edges(order.kill, lambda where: _tell(pipe, "where", where), log).watch()
        report = _carry_out(world, order)
        _tell(pipe, "report", json.dumps(report, default=str))
        if log is not None:
            _tell(pipe, "edges", json.dumps(log))
        code = int(report.get("exit_code", 0))
    except BaseException:  # noqa: BLE001 - whatever happens belongs into the pipe, and this process ends here
        os.write(pipe, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tell(pipe: int, kind: str, content: str) -> None:
    data = f"{kind} {content}\n".encode()
    while data:
        data = data[os.write(pipe, data) :]


def _carry_out(world: World, order: Order) -> dict[str, Any]:
    settings = Settings(**world.settings, workspace=order.workspace)
    deps = assemble(
        settings,
        clock=world.clock,
        sleep=world.clock.sleep,
        timing=order.timing,
        framework=world.framework,
        observer=lambda told: sys.stderr.write(f"{told!r}\n"),
    )
    report = _VERBS[order.verb](deps, order.argument)
    deps.close()
    return report if not order.log else {**report, MODULES: sorted(sys.modules)}


def _fields(deps: Deps, _: str) -> dict[str, Any]:
    fields_apply(deps)
    return {"status": "complete", "exit_code": 0}


def _properties(deps: Deps, _: str) -> dict[str, Any]:
    """The names that the CRM gives to what a run may write."""
    found = {name: one.fields() for name, one in deps.connectors.items()}
    writable = [spec for spec in deps.specs if spec.writable]
    names = {name: {one.property_name(spec): spec.name for spec in writable} for name, one in found.items()}
    return {"properties": names, "status": "complete", "exit_code": 0}


def _told(report: RunReport) -> dict[str, Any]:
    return report.to_dict()


_VERBS: Mapping[str, Callable[[Deps, str], dict[str, Any]]] = {
    "fields": _fields,
    "properties": _properties,
    "pull": lambda deps, _: _told(run_pull(deps)),
    "sync": lambda deps, _: _told(run_sync(deps)),
    "plan": lambda deps, _: _told(run_plan(deps)),
    "apply": lambda deps, plan: _told(run_apply(deps, plan)),
    "undo": lambda deps, run: _told(run_undo(deps, run)),
}
