"""Tests of a copy of the project in which one answer is undone.

`python -m tests.pitfalls.undone` (`make pitfalls`) tries all reverts; names of pitfalls (`p06`) behind it choose some.

The copy is made once. A process that has imported what is not ours forks for each revert, because starting an
interpreter with all libraries takes longer than most of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.pitfalls.reverts import PITFALLS, REVERTS, Revert

ROOT = Path(__file__).parents[2]
Try = Callable[[Revert | None, Sequence[str]], str]
"""Runs tests with an answer undone (None: with all of them); returns what pytest said, its exit code in front."""

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
def copied() -> Iterator[Try]:
    """A copy of the project to try reverts in."""
    with tempfile.TemporaryDirectory(prefix="keepwell-undone-") as scratch:
        copy = Path(scratch) / "project"
        _copy(copy)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        # Compiled files of what is not reverted are kept: their sources do not change.
        with subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            cwd=copy,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            orders, answers = server.stdin, server.stdout
            out = Path(scratch) / "out.txt"

            def attempt(revert: Revert | None, arguments: Sequence[str]) -> str:
                with _undone(copy, revert):
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
def _undone(copy: Path, revert: Revert | None) -> Iterator[None]:
    if revert is None:
        yield
        return
    file = copy / revert.file
    before, stamps = file.read_text(encoding="utf-8"), file.stat()
    times = before.count(revert.old)
    assert times == 1, f"{revert.file} has {revert.old!r} {times} times; mend tests/pitfalls/reverts.py"
    file.write_text(before.replace(revert.old, revert.new), encoding="utf-8")
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


def target(revert: Revert) -> tuple[str, str]:
    """File of the tests of a revert, and what the failing ones begin with."""
    file, _, name = revert.test.partition("::")
    return f"tests/pitfalls/test_{file}.py", name


def assert_noticed(attempt: Try, revert: Revert) -> None:
    """Undo an answer; raises `AssertionError` unless its test fails, and fails as a test does."""
    file, name = target(revert)
    said = attempt(revert, [file, "-k", name])
    where = f"{revert.pitfall}, {revert.why}"
    assert said.startswith("exit 1\n"), f"{where}: nobody noticed, or the tests could not run:\n{said[-2000:]}"
    assert f"FAILED {file}::{name}" in said, f"{where}: something else failed:\n{said[-2000:]}"


def first_of_each() -> list[Revert]:
    """One revert a pitfall."""
    return [next(one for one in REVERTS if one.pitfall == pitfall) for pitfall in PITFALLS]


def main(wanted: Sequence[str]) -> int:
    """Try every revert, or those of the `wanted` pitfalls; prints a line each and how long all took."""
    chosen = [one for one in REVERTS if not wanted or one.pitfall in wanted]
    began = time.monotonic()
    unnoticed = 0
    with copied() as attempt:
        said = attempt(None, sorted({target(one)[0] for one in chosen}))
        if not said.startswith("exit 0\n"):
            sys.stdout.write(f"The tests fail with nothing undone:\n{said}\n")
            return 1
        for revert in chosen:
            try:
                assert_noticed(attempt, revert)
                verdict = "noticed"
            except AssertionError as error:
                unnoticed, verdict = unnoticed + 1, f"NOT NOTICED: {error}"
            sys.stdout.write(f"{revert.pitfall} {revert.why} ({revert.file}): {verdict}\n")
            sys.stdout.flush()
    seconds = time.monotonic() - began
    sys.stdout.write(f"{len(chosen)} reverts, {unnoticed} not noticed, {seconds:.0f} s\n")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
