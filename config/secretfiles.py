"""Secrets that live in files of their own: `access_token_file: /run/secrets/hubspot` and whole folders of them."""

from __future__ import annotations

import stat
from pathlib import Path

MAX_SECRET_BYTES = 64_000


class SecretFileError(Exception):
    """A secret file that cannot be used; the message never contains what is in it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_secret(path: Path) -> str:
    """The content of a secret file without its last line break; raises SecretFileError.

    A file that every user of the machine may read is refused, except below /run/secrets, where container platforms
    mount secrets world-readable inside the container.
    """
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise SecretFileError(f"{path} is not a file.", "Name the file that holds the secret.")
        _check_mode(path, info.st_mode)
        with path.open("rb") as handle:
            raw = handle.read(MAX_SECRET_BYTES + 1)
    except FileNotFoundError:
        raise SecretFileError(f"there is no file {path}.", "Create it, or correct the path.") from None
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}.", "Check its owner and mode.") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise SecretFileError(f"{path} is too large for a secret.", "Check the path.")
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretFileError(f"{path} is not text.", "Check the path.") from None
    if not text.strip():
        raise SecretFileError(f"{path} is empty.", "Write the secret into it.")
    return text


def _check_mode(path: Path, mode: int) -> None:
    mounted = path.resolve().is_relative_to("/run/secrets") or path.resolve().is_relative_to("/var/run/secrets")
    forbidden = stat.S_IWOTH if mounted else stat.S_IROTH | stat.S_IWOTH
    if mode & forbidden:
        doing = "written" if mounted else "read or written"
        raise SecretFileError(
            f"{path} can be {doing} by every user of this machine (mode {stat.S_IMODE(mode):04o}).",
            f"Run `chmod 600 {path}`; secrets that a container platform mounts belong below /run/secrets.",
        )


def read_secrets_dir(folder: Path) -> tuple[dict[str, str], list[tuple[str, SecretFileError]]]:
    """File name → content of every plain file of a folder, and the ones that cannot be used.

    Hidden files are skipped (Kubernetes keeps its own bookkeeping there).
    """
    found: dict[str, str] = {}
    failed: list[tuple[str, SecretFileError]] = []
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        return {}, [(str(folder), SecretFileError(f"cannot be read: {error.strerror}.", "Check the folder."))]
    for path in paths:
        try:
            found[path.name] = read_secret(path)
        except SecretFileError as error:
            failed.append((str(path), error))
    return found, failed
