"""What the entry point sets for the whole process; in a process of its own, for it would hold for all other tests."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ALLOCATE = """
import ctypes, threading
libc = ctypes.CDLL(None)
together = threading.Barrier(4)

def work():
    together.wait()
    kept = [bytes(100_000) for _ in range(10)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(out := libc.fdopen(1, b"w")))
libc.fflush(ctypes.c_void_p(out))
"""


def test_the_entry_point_tunes_its_process() -> None:
    shown = "print(gc.get_threshold()[0], sys.getswitchinterval())"
    assert run(f"import gc, sys; from config import process; process.tune(); {shown}") == "20000 0.001"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_ends_well_whichever_streams_its_caller_closed(tmp_path: Path, closed: str) -> None:
    command = f'exec "{sys.executable}" "{ROOT / "cli.py"}" init --no-salesforce {closed}'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "keepwell.yaml").read_text(encoding="utf-8").startswith("# Keepwell's configuration.")


def test_every_command_runs_so() -> None:
    program = (
        "import sys, gc, cli\nsys.argv[1:] = ['--version']\ntry: cli.main()\nfinally: print(gc.get_threshold()[0])"
    )
    assert run(program).endswith("20000")


def test_a_platform_without_the_switch_is_left_alone() -> None:
    assert (
        run("import sys; sys.platform = 'darwin'; from config import process; process.tune(); print('fine')") == "fine"
    )


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has arenas")
def test_what_threads_free_is_there_for_all_of_them() -> None:
    assert run(ALLOCATE).count("<heap nr=") > 1, "each thread has its own as long as nobody says otherwise"
    assert run(f"from config import process; process.tune()\n{ALLOCATE}").count("<heap nr=") == 1


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
