"""What a page of the documentation has to type, typed as it stands there: first terminal, second terminal, dashboard.

A block of a page says what it is behind its language: `sh sandbox` runs beside the rest, `sh session` is typed into one
shell in an empty folder, `text seen` is what the shell shows of it (`…` stands for anything). Other blocks are not run.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.children import child

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, kind: str) -> list[str]:
    """Blocks of a page (its path in the repository) that are marked with `kind`, for instance `sh session`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def free_port() -> str:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def with_tools(folder: Path) -> dict[str, str]:
    """An environment in which `keepwell` is this checkout; `folder` gets the command."""
    tools = folder / "bin"
    tools.mkdir()
    command = tools / "keepwell"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{ROOT / "cli.py"}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWELL_", "HUBSPOT_"))}
    return clean | {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


@contextmanager
def serving(command: str, environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run what stays in a terminal until the block ends; it must stop in order."""
    with child(
        ["/bin/sh", "-c", f"exec {command.strip()}"], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def typed(text: str, environment: Mapping[str, str], folder: Path) -> str:
    """Type lines into one shell; AssertionError when one of them fails. What it showed, on either stream."""
    done = subprocess.run(
        ["/bin/sh", "-e"], input=text, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Traceback" not in done.stdout
    return done.stdout


def not_seen(page: str, shown: str) -> list[str]:
    """Lines of a page's `text seen` blocks that were not shown, in the order of the page."""
    squeezed = [" ".join(line.split()) for line in shown.splitlines()]
    lacking, at = [], 0
    for line in "".join(blocks(page, "text seen")).splitlines():
        wanted = re.compile(".*".join(re.escape(part.strip()) for part in " ".join(line.split()).split("…")))
        found = next((number for number in range(at, len(squeezed)) if wanted.search(squeezed[number])), None)
        if found is None:
            lacking.append(line)
        else:
            at = found
    return lacking


def elsewhere(text: str, ports: Mapping[str, str]) -> str:
    """The same text with other ports."""
    return re.sub(rf"\b(?:{'|'.join(ports)})\b", lambda written: ports[written[0]], text)
