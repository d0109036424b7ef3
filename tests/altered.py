"""Tests of a copy of the project in which a piece of the code reads differently, one at a time.

The copy is made once. A process that has imported what is not ours forks for each try, because starting an
interpreter with all libraries takes longer than most of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTICED = "noticed"


@dataclass(frozen=True, slots=True)
class Alteration:
    """`old` stands exactly once in `file`; `new` takes its place."""

    file: str
    old: str
    new: str

    def times(self, root: Path = ROOT) -> int:
        """How often `old` stands there."""
        return (root / self.file).read_text(encoding="utf-8").count(self.old)


@dataclass(frozen=True, slots=True)
class Case:
    """An alteration under the name that is told, and what pytest is given to notice it.

    `failing` is what the line about a failed test begins with.
    """

    name: str
    alteration: Alteration
    arguments: tuple[str, ...]
    failing: str


Try = Callable[[Alteration | None, Sequence[str]], str]
"""Runs tests with an alteration (None: without); returns what pytest said, its exit code in front."""

_SERVER = """
import json, os, sys
import alembic, orjson, polars, psycopg, pydantic, pytest, requests, responses, simple_salesforce, sqlalchemy
import starlette.applications, tenacity, tldextract, urllib3, uvicorn, yaml
import hubspot.crm.companies, cryptography.hazmat.primitives.asymmetric.rsa, jwt
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1); os.dup2(out, 2)
        sys.path.insert(0, os.getcwd())
        plain = ["-q", "-x", "--tb=short", "--assert=plain", "-p", "no:cacheprovider"]
        code = int(pytest.main([*plain, *order["arguments"]]))
        ours = sys.modules.get("connectors")
        if ours is not None and not ours.__file__.startswith(os.getcwd()):
            code = 99
        sys.stdout.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@contextmanager
def copied(more: Mapping[str, str] | None = None) -> Iterator[Try]:
    """A copy of the project to alter; `more` is added to the environment of its tests."""
    with tempfile.TemporaryDirectory(prefix="keepwell-altered-") as scratch:
        copy = Path(scratch) / "project"
        _copy(copy)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        # Compiled files of what is not altered are kept: their sources do not change.
        with subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            cwd=copy,
            env={**environment, **(more or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            orders, answers = server.stdin, server.stdout
            out = Path(scratch) / "out.txt"

            def attempt(alteration: Alteration | None, arguments: Sequence[str]) -> str:
                with _altered(copy, alteration):
                    print(json.dumps({"arguments": list(arguments), "out": str(out)}), file=orders, flush=True)
                    code = answers.readline().strip()
                return f"exit {code}\n{out.read_text(encoding='utf-8', errors='replace')}"

            yield attempt
            orders.close()


def _copy(target: Path) -> None:
    """What git knows of or could know of, as it is on the disk."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in listed:
        source, copy = ROOT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


@contextmanager
def _altered(copy: Path, alteration: Alteration | None) -> Iterator[None]:
    if alteration is None:
        yield
        return
    file, times = copy / alteration.file, alteration.times(copy)
    assert times == 1, f"{alteration.file} has {alteration.old!r} {times} times"
    before, stamps = file.read_text(encoding="utf-8"), file.stat()
    file.write_text(before.replace(alteration.old, alteration.new), encoding="utf-8")
    cached = list((file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"))
    for one in cached:
        one.unlink()
    try:
        yield
    finally:
        for one in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            one.unlink()
        file.write_text(before, encoding="utf-8")
        os.utime(file, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))


def assert_noticed(attempt: Try, case: Case) -> None:
    """Alter the code; raises `AssertionError` unless the test fails, and fails as a test does."""
    said = attempt(case.alteration, case.arguments)
    assert said.startswith("exit 1\n"), f"{case.name}: nobody noticed, or the tests could not run:\n{said[-2000:]}"
    assert f"FAILED {case.failing}" in said, f"{case.name}: something else failed:\n{said[-2000:]}"


def try_all(
    cases: Sequence[Case], unaltered: Sequence[str], more: Mapping[str, str] | None = None, at_once: int = 2
) -> int:
    """Try every case, after the `unaltered` tests have passed; prints a line each, returns 1 unless all are noticed."""
    began = time.monotonic()
    left, unnoticed, stands = iter(cases), list[str](), threading.Lock()

    def try_some(attempt: Try) -> None:
        while True:
            with stands:
                case = next(left, None)
            if case is None:
                return
            verdict = _verdict(attempt, case)
            with stands:
                unnoticed.extend([case.name] if verdict != NOTICED else [])
                sys.stdout.write(f"{case.name} ({case.alteration.file}): {verdict}\n")
                sys.stdout.flush()

    with ExitStack() as stack:
        attempts = [stack.enter_context(copied(more)) for _ in range(at_once)]
        said = attempts[0](None, unaltered)
        if not said.startswith("exit 0\n"):
            sys.stdout.write(f"The tests fail with nothing altered:\n{said}\n")
            return 1
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(try_some, attempts))
    seconds = time.monotonic() - began
    sys.stdout.write(f"{len(cases)} tried, {len(unnoticed)} not noticed, {seconds:.0f} s\n")
    return 1 if unnoticed else 0


def _verdict(attempt: Try, case: Case) -> str:
    try:
        assert_noticed(attempt, case)
    except AssertionError as error:
        return f"NOT NOTICED: {error}"
    return NOTICED
