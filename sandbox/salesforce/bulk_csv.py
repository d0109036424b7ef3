"""Reads an uploaded CSV file under the bulk rules; anything wrong with the file as a whole fails the job."""

from __future__ import annotations

import csv
import io

from sandbox.salesforce.bulk_jobs import DELIMITERS, IngestJob

_BOM = "\ufeff"
_MAX_HEADER = 32_000
_MAX_FIELD = 131_072


class BadUpload(Exception):
    """An upload that fails its whole job; the message is the job's errorMessage."""


def read_upload(data: bytes, job: IngestJob) -> tuple[list[str], list[list[str]]]:
    """Return the header and the lines of an upload; raises BadUpload."""
    text = _decode(data)
    if not text.strip():
        raise BadUpload("InvalidBatch : Failed to parse CSV header, the file is empty")
    if text.startswith(_BOM):
        raise BadUpload(f"InvalidBatch : Field name not found : {text.splitlines()[0].split(',')[0]}")
    _check_line_endings(text, job.line_ending)
    if csv.field_size_limit() < _MAX_FIELD:
        csv.field_size_limit(_MAX_FIELD)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job.delimiter], strict=True))
    except csv.Error as error:
        raise BadUpload(f"InvalidBatch : Failed to parse CSV: {error}") from None
    header, *rest = lines
    if sum(map(len, header)) > _MAX_HEADER:
        raise BadUpload(f"InvalidBatch : the CSV header is longer than {_MAX_HEADER} characters")
    return header, [line for line in rest if line]


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadUpload(f"InvalidBatch : the CSV is not UTF-8: {error.reason} at byte {error.start}") from None


def _check_line_endings(text: str, declared: str) -> None:
    """Compare the file's line endings with the job's; bare newlines inside quoted values count in a CRLF file."""
    crlf, feeds = text.count("\r\n"), text.count("\n")
    if declared == "LF" and _outside_quotes_has_crlf(text):
        raise BadUpload("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF")
    if declared == "CRLF" and feeds > crlf:
        raise BadUpload("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF")


def _outside_quotes_has_crlf(text: str) -> bool:
    return any("\r\n" in part for part in text.split('"')[::2])
