"""Secrets as the configuration gives them: in place or in a file, and checked before a header carries them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from connectors.errors import ConfigError, ConnectorError

T = TypeVar("T")


def secret_or_file(value: SecretStr | None, path: Path | None, key: str) -> str:
    """The secret itself, or what its file holds; the settings model guarantees that one of them is given."""
    if value is not None:
        return value.get_secret_value().strip()
    if path is None:
        raise ConfigError(f"Neither a secret nor its file ({key}) is given.")
    return read_secret_file(path, key)


def checked_token(token: str, where: str) -> str:
    """`token` when a header can carry it; raises `ConfigError` for what was copied badly, without showing it."""
    if fits_a_header(token):
        return token
    raise ConfigError(
        f"{where} is no token: it holds a space, a line break or a letter that tokens do not have.",
        hint="Copy the whole token again, and nothing else.",
    )


def fits_a_header(token: str) -> bool:
    """Whether `token` can be sent in a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def read_secret_file(path: Path, key: str) -> str:
    """Content of a secret file without surrounding space or mark; raises `ConfigError` when unreadable or empty."""
    try:
        secret = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} {path} cannot be read ({error.__class__.__name__}).") from error
    if not secret:
        raise ConfigError(f"{key} {path} is empty.")
    return secret


def unsent(call: Callable[[], T]) -> T:
    """The result of asking for a token; when that fails, the request that needed it was surely not carried out."""
    try:
        return call()
    except ConnectorError as error:
        error.sent = False
        raise
