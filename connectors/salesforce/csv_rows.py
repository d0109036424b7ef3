"""CSV out of a stream of bytes, a row at a time: memory stays flat whatever the size of a result."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.errors import BadAnswer

_LONGEST_CELL = 1_000_000  # characters: a field has at most 131,072, a record 400,000


@dataclass(slots=True)
class Lines:
    """Text lines of UTF-8 chunks, NUL bytes dropped; `ended_clean` tells whether the last one had its line break.

    Only line feeds end a line: `str.splitlines` would also cut at characters that real names contain.
    """

    chunks: Iterable[bytes]
    ended_clean: bool = True

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        rest = ""
        for chunk in self.chunks:
            parts = (rest + _decode(decoder, chunk)).split("\n")
            rest = parts.pop()
            for part in parts:
                yield part + "\n"
        rest += _decode(decoder, b"", final=True)
        self.ended_clean = not rest
        if rest:
            yield rest


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(chunk, final).replace("\0", "")
    except UnicodeDecodeError as error:
        raise BadAnswer("A result file is not UTF-8, or was cut off in the middle.", sent=True) from error


def read_rows(chunks: Iterable[bytes], *, whole: bool = False) -> Iterator[list[str]]:
    """Rows of a CSV file, its header among them, quoted line breaks kept.

    Unless the transport proves that the body is `whole`, the last row is given out only when its line break was
    there, so that a body that was cut off never yields half a value. Raises `BadAnswer` for an open quote and for a
    row with another number of cells than the header.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    lines = Lines(chunks)
    reader = csv.reader(lines, strict=True)
    width: int | None = None
    held: list[str] | None = None
    try:
        for row in reader:
            if held is not None:
                yield held
            held = None
            if not row:
                continue
            width = len(row) if width is None else width
            if len(row) != width:
                raise BadAnswer(f"A row of a result file has {len(row)} cells instead of {width}.", sent=True)
            held = row
    except csv.Error as error:
        raise BadAnswer(f"A result file is not valid CSV ({error}).", sent=True) from error
    if held is not None and (whole or lines.ended_clean):
        yield held
