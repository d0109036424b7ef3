"""Answers as files beside the one on the terminal."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

_ACTIVE = tuple("=+-@＝＋－＠")
_BREAKS = ("\t", "\r", "\n")
"""How a cell begins that a spreadsheet would take for a formula; it passes over spaces before one of the first kind."""


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all; raises OSError."""
    if not path.name:  # `.` and `/` have no place beside them
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file; text that a spreadsheet would calculate is kept text by an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    active = isinstance(value, str) and (value.startswith(_BREAKS) or value.lstrip().startswith(_ACTIVE))
    return f"'{value}" if active else value
