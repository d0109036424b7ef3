"""Column types that hold equal values, byte for byte, in SQLite and in PostgreSQL.

Plain text cannot hold everything that a CRM sends: PostgreSQL refuses NUL, and neither store takes a lone surrogate.
`Words` therefore stores NUL as the visible `␀` and a lone surrogate as `\\udXXX`. JSON documents need no such
replacement: both are escaped inside the document and come back as they were.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import orjson
import polars as pl
from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from store.errors import StoreCorrupt

MaybeText = TypeVar("MaybeText", str, str | None)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BIG_ID = BigInteger().with_variant(Integer(), "sqlite")
"""Surrogate keys; SQLite numbers rows by itself only for a column declared INTEGER."""


_UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, zlib.error)
"""What reading a damaged value raises."""


def damaged(what: str) -> StoreCorrupt:
    """Return the error for a stored value that is not what was stored; its content is not repeated."""
    return StoreCorrupt(
        f"The store holds {what} that cannot be read.", "`keepwell db check` names the row and says what to do."
    )


class JsonText(str):
    """A document that `dump_json` made already; a `Json` column stores it as it is."""

    __slots__ = ()


def clean_text(value: str) -> str:
    """Return `value` with NUL and lone surrogates replaced by something visible."""
    if value.isascii() and "\x00" not in value:
        return value
    return value.replace("\x00", "␀").encode("utf-8", "backslashreplace").decode("utf-8")


def clean_texts(values: Sequence[MaybeText]) -> Sequence[MaybeText]:
    """Return `clean_text` of each value; one look at all of them, since nearly always there is nothing to do."""
    if None not in values:
        together = "".join(values)  # type: ignore[arg-type]
        if together.isascii() and "\x00" not in together:
            return values
    return [value if value is None else clean_text(value) for value in values]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, frozenset | set):
        return sorted(value)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118 - a mapping proxy, not a dict
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def dump_json(value: object) -> JsonText:
    """Return the canonical JSON text of `value`: sorted keys, no spaces, decimals as text, NaN as null."""
    return JsonText(dump_bytes(value), "utf-8")


def dump_bytes(value: object) -> bytes:
    """Return what `dump_json` returns, in UTF-8."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Lone surrogates and integers beyond 64 bits: outside what orjson writes, inside what JSON allows. It would
        # read those integers as floats; the space in front tells `load_json` to leave it out.
        plain = json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return b" " + plain.encode("utf-8")


def load_json(text: str) -> Any:
    """Return the value of a document written by `dump_json`; raises StoreCorrupt when it is no JSON any more."""
    try:
        if text.startswith(" "):
            return json.loads(text)
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return json.loads(text)
    except _UNREADABLE as error:
        raise damaged("a JSON document") from error


def to_micros(value: datetime) -> int:
    """Return microseconds since 1970 UTC; a naive datetime is an error because its zone would be a guess."""
    if value.tzinfo is None:
        raise ValueError(f"The instant {value!r} has no time zone.")
    since = value - EPOCH  # its parts: dividing by a microsecond takes eight times as long
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """Return the aware UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime: TIMESTAMPTZ on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import TIMESTAMP

            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        micros = to_micros(value)
        return value if dialect.name == "postgresql" else micros

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        try:
            if isinstance(value, int):
                return from_micros(value)
            moment: datetime = value
            return moment.astimezone(UTC)
        except _UNREADABLE as error:
            raise damaged("an instant") from error


class Words(TypeDecorator[str]):
    """Text that both stores accept."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # Byte order, as SQLite and Python have it, whatever the locale of the server's database is.
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else clean_text(value)


class Json(TypeDecorator[Any]):
    """A JSON document kept as its canonical text; SQL null is None, so JSON null cannot be stored at the top."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None or isinstance(value, JsonText) else dump_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else load_json(value)


class PackedJson(TypeDecorator[Any]):
    """A JSON document that is long and seldom read: its canonical text, compressed; to a third for explanations."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        # Level 1: higher ones save another tenth of the bytes and nothing else.
        return None if value is None else zlib.compress(dump_json(value).encode("utf-8"), 1)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        if value is None:
            return None
        try:
            text = zlib.decompress(value).decode("utf-8")
        except _UNREADABLE as error:
            raise damaged("a compressed document") from error
        return load_json(text)


class PackedFrame(TypeDecorator[pl.DataFrame]):
    """A frame of plain columns: Arrow's stream format, compressed, behind its checksum.

    Without that, most of what a bad disk makes of it reads as other figures, and some of it ends the process.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: pl.DataFrame | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        if value is None:
            return None
        into = io.BytesIO()
        value.write_ipc_stream(into, compression="zstd", compat_level=pl.CompatLevel.oldest())
        return _checksum(into.getbuffer()) + into.getvalue()

    def process_result_value(self, value: Any, dialect: Dialect) -> pl.DataFrame | None:  # noqa: ARG002
        if value is None:
            return None
        try:
            stated, stream = bytes(value[:_CHECKSUM]), memoryview(value)[_CHECKSUM:]
            if stated != _checksum(stream):
                raise ValueError("not what was stored")
            return pl.read_ipc_stream(io.BytesIO(stream))
        except (*_UNREADABLE, pl.exceptions.PolarsError, OSError) as error:
            raise damaged("a packed frame") from error


_CHECKSUM = 4
"""Bytes of the checksum of a packed frame."""


def _checksum(stream: memoryview) -> bytes:
    return zlib.crc32(stream).to_bytes(_CHECKSUM, "big")


class Money(TypeDecorator[Decimal]):
    """An exact decimal: NUMERIC on PostgreSQL, its plain notation on SQLite; digits and scale are kept."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Numeric(asdecimal=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount of money.")
        return value if dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(value)
        except _UNREADABLE as error:
            raise damaged("an amount") from error
