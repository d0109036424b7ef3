"""The reference of all commands: what `--help` says of each, asked of the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

import cli  # noqa: F401 - declares the commands
from verbs.base import app


def page() -> str:
    """Markdown: a section a command, with its help as a terminal of 80 columns shows it."""
    lines = [
        "# Help of every command",
        "",
        "What `keepwell COMMAND --help` shows, asked when this site was built. [Commands](cli.md) says what they are",
        "for, what `--json` prints and what exit codes mean.",
    ]
    for name in sorted(every(typer.main.get_command(app))):
        lines += ["", f"## keepwell {name}", "", "```text", helped(name), "```"]
    return "\n".join(lines) + "\n"


def every(command: Any, prefix: str = "") -> Iterator[str]:
    """Name of every command below a group, without the program's."""
    if not isinstance(command, TyperGroup):
        yield prefix
        return
    for name, one in command.commands.items():
        if not one.hidden:
            yield from every(one, f"{prefix} {name}".strip())


def helped(name: str) -> str:
    """The help of one command; RuntimeError when it has none."""
    plain = {"COLUMNS": "80", "NO_COLOR": "1"}
    asked = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="keepwell", env=plain)
    if asked.exit_code != 0:
        raise RuntimeError(f"keepwell {name} --help ended with {asked.exit_code}: {asked.output}")
    return "\n".join(line.rstrip() for line in asked.output.strip().splitlines())
