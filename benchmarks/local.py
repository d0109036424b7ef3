"""A portfolio in the local CRMs and Keepwell beside it, each in a process of its own so that memory is told apart."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

Watch = Callable[[float], None]

ROOT = Path(__file__).resolve().parents[1]

CONFIG = """\
store: sqlite:///{store}
connections:
{connections}policy:
  quota_reserve: 0%
"""
HUBSPOT = """\
  hubspot:
    type: hubspot
    access_token: ${{BENCH_HUBSPOT_TOKEN}}
    base_url: {url}
"""
SALESFORCE = """\
  salesforce:
    type: salesforce
    login_url: {url}
    auth:
      flow: client_credentials
      consumer_key: {consumer_key}
      consumer_secret: ${{BENCH_SALESFORCE_SECRET}}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """One command: its JSON answer, wall-clock seconds, peak resident memory in MiB."""

    answer: dict[str, Any]
    seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Served CRMs and a folder with a configuration that points at them; `org` is how to get into Salesforce."""

    folder: Path
    hubspot: str
    token: str
    org: dict[str, Any]
    environment: dict[str, str]

    @property
    def store(self) -> Path:
        """The file of Keepwell's store."""
        return self.folder / "keepwell.db"

    def keepwell(self, *arguments: str, ok: tuple[int, ...] = (0,), watch: Watch | None = None) -> Ran:
        """Run `keepwell ARGUMENTS --json` and measure it; raises RuntimeError when it ends otherwise than `ok`."""
        return self.measured("cli", *arguments, "--json", ok=ok, watch=watch)

    def measured(
        self, module: str, *arguments: str, given: str = "", ok: tuple[int, ...] = (0,), watch: Watch | None = None
    ) -> Ran:
        """Run a module that reads `given` and answers in JSON, and measure it; raises RuntimeError as `keepwell`.

        `watch` is called ten times a second with the process's peak memory so far, where the system tells it.
        """
        command = [sys.executable, "-m", "benchmarks.measured", "-m", module, *arguments]
        started = time.perf_counter()
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as process:
            if watch is not None:
                threading.Thread(target=_watch, args=(process, watch), daemon=True).start()
            out, complaints = process.communicate(given)
        seconds = time.perf_counter() - started
        if process.returncode not in ok:
            raise RuntimeError(f"{module} {' '.join(arguments)} ended with {process.returncode}: {complaints[-800:]}")
        peak = float(complaints.rsplit("peak-mib ", 1)[1].split()[0])
        return Ran(json.loads(out), seconds, peak)

    def properties(self, stream: str) -> list[str]:
        """What Keepwell asked for of a stream, as the first record in its store shows it."""
        with closing(sqlite3.connect(self.store)) as db:
            query = "SELECT payload FROM raw_record WHERE stream = ? LIMIT 1"
            return list(json.loads(db.execute(query, (stream,)).fetchone()[0]))

    def columns(self, stream: str) -> list[str]:
        """Those of `properties` that are fields of the Salesforce object itself."""
        return [name for name in self.properties(stream) if "." not in name]

    def counts(self, *, salesforce: bool = False) -> dict[str, int]:
        """Live records an object, as the portal, or the org, itself counts them."""
        url = self.org["url"] if salesforce else self.hubspot
        body = requests.get(f"{url}/_sandbox/counts", timeout=30).json()
        return {name: int(one["live"]) for name, one in body.items()}

    def stats(self) -> dict[str, Any]:
        """Requests and refusals of the portal so far."""
        answer: dict[str, Any] = requests.get(f"{self.hubspot}/_sandbox/stats", timeout=30).json()
        return answer


@contextmanager
def served(
    accounts: int = 0,
    *,
    latency_ms: float = 0,
    burst: int | None = None,
    hubspot: bool = True,
    salesforce: bool = True,
    seed: int = 7,
    shape: str | None = None,
) -> Iterator[Bench]:
    """Serve a portfolio of `accounts`, or one CRM of a `shape` such as `hubspot:20000,40000,40000`.

    `burst` is HubSpot's quota in requests per ten seconds, 190 by default; `hubspot` and `salesforce` say which of the
    two Keepwell is connected to.
    """
    command = [sys.executable, "-m", "sandbox", "--json", "--accounts", str(accounts), "--seed", str(seed)]
    command += ["--latency-ms", str(latency_ms)]
    command += ["--hubspot-burst", str(burst)] if burst else []
    command += ["--shape", shape] if shape else []
    with tempfile.TemporaryDirectory(prefix="keepwell-bench-") as name:
        folder = Path(name)
        process = subprocess.Popen(
            [*command, "--state-dir", str(folder / "sandbox")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield _bench(folder, ready, hubspot=hubspot, salesforce=salesforce)
        finally:
            process.terminate()
            process.wait(timeout=30)
            if process.stdout is not None:
                process.stdout.close()


def _bench(folder: Path, ready: dict[str, Any], *, hubspot: bool, salesforce: bool) -> Bench:
    portal, org = ready["hubspot"], ready["salesforce"]
    connections = HUBSPOT.format(url=portal["url"]) if hubspot else ""
    connections += SALESFORCE.format(url=org["url"], consumer_key=org["consumer_key"]) if salesforce else ""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "BENCH_HUBSPOT_TOKEN": portal["access_token"],
        "BENCH_SALESFORCE_SECRET": org["consumer_secret"],
    }
    bench = Bench(folder, portal["url"], portal["access_token"], org, environment)
    text = CONFIG.format(store=bench.store, connections=connections)
    (folder / "keepwell.yaml").write_text(text, encoding="utf-8")
    return bench


def own_peak_mib() -> float:
    """Peak resident memory of this process in MiB.

    Linux keeps in `ru_maxrss` what the parent had when it forked, so the program's own mark is read there.
    """
    mark = _peak_mib("self")
    if mark is not None:
        return mark
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _peak_mib(process: int | str) -> float | None:
    """Peak resident memory of a process so far, None where the system does not tell it or the process has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return next((int(line.split()[1]) / 2**10 for line in status.splitlines() if line.startswith("VmHWM:")), None)


def _watch(process: subprocess.Popen[str], watch: Watch) -> None:
    while process.poll() is None:
        peak = _peak_mib(process.pid)
        if peak is not None:
            watch(peak)
        time.sleep(0.1)
