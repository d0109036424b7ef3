"""One process at a time renews what a file holds: an advisory lock beside the file, kept no longer than one renewal."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.errors import ConfigError, RetryLater

_LONGEST = 90.0  # seconds: a renewal has a deadline of its own, which is shorter
_PAUSE = 0.1


class Turn:
    """A turn that was taken; `cut_short` when whoever had it before did not come to the end of its renewal."""

    def __init__(self, handle: int, *, marks: bool) -> None:
        self._handle = handle
        self._marks = marks
        self.cut_short = marks and os.fstat(handle).st_size > 0

    def begin(self) -> None:
        """Leave a mark that outlives this process, until `done`."""
        if self._marks:
            os.pwrite(self._handle, f"renewing since process {os.getpid()}\n".encode(), 0)
            os.fsync(self._handle)

    def done(self) -> None:
        """Take the mark away: what was renewed is stored, or surely nothing was."""
        if self._marks:
            os.ftruncate(self._handle, 0)


@contextmanager
def turn(path: Path, sleep: Callable[[float], None]) -> Iterator[Turn]:
    """Hold the lock of `path` for the block, shared by all processes on this machine and on file systems that lock.

    The lock is a file beside it, `<name>.lock`. In a folder where none can be made the file itself is locked: it is
    then written in place and stays the same file. Raises `RetryLater` when another process keeps it for too long.
    """
    handle, marks = _opened(path)
    try:
        waited = 0.0
        while not _taken(handle):
            if waited >= _LONGEST:
                raise RetryLater(
                    f"Another process has been renewing the token in {path} for {waited:.0f} seconds.", sent=False
                )
            sleep(_PAUSE)
            waited += _PAUSE
        yield Turn(handle, marks=marks)
    finally:
        os.close(handle)


def _opened(path: Path) -> tuple[int, bool]:
    try:
        return os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600), True
    except OSError:
        try:
            return os.open(path, os.O_RDONLY), False
        except OSError as error:
            raise ConfigError(f"refresh_token_file {path} cannot be read ({error.__class__.__name__}).") from error


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: one process is all that it can serve
    return True
