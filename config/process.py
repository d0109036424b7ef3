"""How the interpreter and the C library run a process that moves records by the hundred thousand."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

_M_ARENA_MAX = -8  # of glibc's malloc.h


def open_streams() -> None:
    """Put the null device where the caller closed stdin, stdout or stderr, as `<&-` does.

    Python has None in their place, which no line that asks whether there is a terminal expects; and the next file that
    is opened, the store for one, would get the number that a library prints its warnings to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def tune() -> None:
    """Set what a pull was measured to need (docs/performance.md); where the platform has no such switch, nothing.

    Changes the whole process, so only its entry point calls this.
    """
    # Records hold no cycles: looking for some after every 700 of them took a fifth of a pull.
    gc.set_threshold(20_000, 20, 20)
    # A thread that comes back from the database, whose lock it holds, does not wait long for one that reads an answer.
    sys.setswitchinterval(0.001)
    # glibc would keep what each thread freed for that thread alone, and memory would grow with the rows of a pull.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)
