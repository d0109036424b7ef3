import os
import subprocess
from contextlib import suppress


def programs(name):
    # ruleid: shell
    subprocess.run(f"ls {name}", shell=True, check=True)
    # ruleid: shell
    os.system(f"ls {name}")
    # ok: shell
    subprocess.run(["ls", name], check=True)


def failures(work):
    # ruleid: failure-swallowed
    try:
        work()
    except Exception:
        pass
    # ruleid: failure-swallowed
    try:
        work()
    except:
        pass
    # ruleid: failure-swallowed
    with suppress(Exception):
        work()
    # ok: failure-swallowed
    try:
        work()
    except Exception:
        raise
    # ok: failure-swallowed
    with suppress(FileNotFoundError):
        work()
