"""What a shell offers for an argument: read from files, never from a CRM or a server, and never with a complaint.

Typer reads the annotations of the functions here (no `from __future__ import annotations`).
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import typer

Names = Callable[[typer.Context, str], list[str]]
RUNS = 20
"""So many of the last runs are offered."""
_BEGIN = 4_000
_NAMED = re.compile(r"^framework:", re.MULTILINE)
_TITLED = re.compile(r"^(title|extends):", re.MULTILINE)


def offered(find: Callable[[Path], Iterable[str]]) -> Names:
    """A completion: of what `find` has for the configuration file, that which begins as typed; nothing if it fails."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        # Whoever presses Tab wants no traceback; the command itself says what is wrong.
        with suppress(Exception):  # nosemgrep: failure-swallowed
            return [name for name in find(_config(ctx)) if name.startswith(incomplete)]
        return []

    return complete


def words(*known: str) -> Names:
    """A completion that offers fixed words."""
    return offered(lambda _config: known)


def _config(ctx: typer.Context) -> Path:
    given = ctx.params.get("config") or os.environ.get("KEEPWELL_CONFIG") or "keepwell.yaml"
    return Path(str(given))


def _frameworks(_config: Path) -> Iterator[str]:
    from config.frameworks import shipped_frameworks

    yield from shipped_frameworks()
    yield from sorted(f"./{path.name}" for path in Path().glob("*.yaml") if _is_framework(path))


def _is_framework(path: Path) -> bool:
    """Whether a file begins like a framework, and not like a configuration that names one."""
    with path.open(encoding="utf-8", errors="replace") as file:
        begin = file.read(_BEGIN)
    return bool(_NAMED.search(begin) and _TITLED.search(begin))


def _file(config: Path) -> dict[str, Any]:
    """The configuration file as it stands, without variables and secrets."""
    from config.yamlfile import read_yaml

    return dict(read_yaml(config).data)


def _streams(config: Path) -> Iterator[str]:
    from config.fieldmaps import load_field_map

    found: dict[str, None] = {}
    for name, connection in _file(config)["connections"].items():
        for stream in load_field_map(connection["type"]):
            found[stream.name] = None
            found[f"{name}:{stream.name}"] = None
    yield from found


def _channels(config: Path) -> Iterator[str]:
    yield from _file(config)["notifications"]["channels"]


def _runs(config: Path, *, writing: bool = False) -> Iterator[str]:
    """The last runs, or those that wrote, newest first; of a store in a file only: a server may be far away."""
    from config.load import load_settings
    from store import open_store, runs

    settings = load_settings(config, os.environ)
    if not settings.store.startswith("sqlite:"):
        return
    store = open_store(settings.store, settings.workspace, read_only=True, busy_seconds=0.2)
    try:
        with store.read() as c:
            find = runs.that_wrote if writing else runs.list_runs
            yield from [run.id for run in find(c, store.workspace, RUNS)]
    finally:
        store.close()


frameworks, streams, channels, run_ids = (offered(find) for find in (_frameworks, _streams, _channels, _runs))
writing_run_ids = offered(partial(_runs, writing=True))
