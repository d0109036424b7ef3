"""CSV out of a stream of bytes, a block of rows at a time: memory stays flat whatever the size of a result."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, cast

from connectors.errors import BadAnswer

Row = list[str]

_LONGEST_CELL = 1_000_000  # characters: a field has at most 131,072, a record 400,000
_LONGEST_LINE = 8 * 2**20  # bytes
_LARGEST_FILE = 2 * 2**30  # bytes; Salesforce cuts results into files of at most 1 GB


class _Feed(io.BufferedIOBase):
    """Chunks of bytes as the file that `TextIOWrapper` wants, NUL bytes dropped.

    `ended_clean` tells whether the last line had its line break. Raises `BadAnswer` for a line or a file that is
    longer than any result: what a server sends compressed may grow a thousandfold.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks = iter(chunks)
        self._line = self._size = 0
        self.ended_clean = True

    def readable(self) -> bool:
        """Always."""
        return True

    def read1(self, size: int = -1, /) -> bytes:  # noqa: ARG002  (a chunk is whatever came)
        """The next chunk that holds anything, empty at the end."""
        for raw in self._chunks:
            chunk = raw.replace(b"\0", b"")  # real data contains them
            self._size += len(raw)
            last_break = chunk.rfind(b"\n")
            self._line = self._line + len(chunk) if last_break < 0 else len(chunk) - last_break - 1
            if self._line > _LONGEST_LINE or self._size > _LARGEST_FILE:
                raise BadAnswer("A result file is longer than any that Salesforce makes.", sent=True)
            if chunk:
                self.ended_clean = chunk.endswith(b"\n")
                return chunk
        return b""


def read_blocks(chunks: Iterable[bytes], size: int, *, whole: bool = False) -> Iterator[list[Row]]:
    """Rows of a CSV file in blocks of at most `size`, its header row among them, quoted line breaks kept.

    Unless the transport proves that the body is `whole`, the last row is given out only when its line break was
    there, so that a body that was cut off never yields half a value. Only line feeds end a line: `str.splitlines`
    would also cut at characters that real names contain. Raises `BadAnswer` for an open quote, for a row with another
    number of cells than the header, and for what is not UTF-8.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    feed = _Feed(chunks)
    text = io.TextIOWrapper(cast(IO[bytes], feed), encoding="utf-8-sig", newline="\n")
    reader = csv.reader(text, strict=True)
    width: int | None = None
    held: list[Row] = []
    while True:
        block = held + _next_rows(reader, size + 1 - len(held))
        ended = len(block) <= size
        if ended and block and not (whole or feed.ended_clean):
            del block[-1]
        held = [] if ended else [block.pop()]
        block, width = _checked(block, width)
        if block:
            yield block
        if ended:
            return


def read_rows(chunks: Iterable[bytes], *, whole: bool = False) -> Iterator[Row]:
    """The rows of `read_blocks` one by one."""
    for block in read_blocks(chunks, 1000, whole=whole):
        yield from block


def _next_rows(reader: Iterator[Row], count: int) -> list[Row]:
    try:
        return list(islice(reader, count))
    except csv.Error as error:
        raise BadAnswer(f"A result file is not valid CSV ({error}).", sent=True) from error
    except UnicodeDecodeError as error:
        raise BadAnswer("A result file is not UTF-8, or was cut off in the middle.", sent=True) from error


def _checked(block: list[Row], width: int | None) -> tuple[list[Row], int | None]:
    """`block` without empty lines, and the width that all its rows have."""
    widths = set(map(len, block))
    if 0 in widths:
        block = [row for row in block if row]
        widths.discard(0)
    if width is None and block:
        width = len(block[0])
    if widths - {width}:
        odd = next(len(row) for row in block if len(row) != width)
        raise BadAnswer(f"A row of a result file has {odd} cells instead of {width}.", sent=True)
    return block, width
