"""Runs a module as `python -m` would and prints the process's own peak memory on stderr when it ends."""

from __future__ import annotations

import atexit
import runpy
import sys

from benchmarks.local import own_peak_mib


def main() -> None:
    """`python -m benchmarks.measured -m MODULE ARGUMENTS…`."""
    module = sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    atexit.register(lambda: print(f"peak-mib {own_peak_mib():.1f}", file=sys.stderr))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
