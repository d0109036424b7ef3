"""What an import of milestones did, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text


def show_imported(out: Console, data: Mapping[str, Any]) -> None:
    """How many were taken, and which of them no rule of the framework can use."""
    removed = f", took {data['removed']} away" if data["removed"] else ""
    out.print(f"Stored {data['stored']} milestones{removed}, for {data['accounts']} accounts.")
    if data["unused"]:
        text = f"The framework {data['framework']} does not name: {', '.join(data['unused'])}."
        out.print(Text(text, style="yellow"))
    out.print("`keepwell plan` shows what follows from them; a day in the CRM goes before one from a file.")
