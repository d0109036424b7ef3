"""What the policy says about single fields, held against the fields that there are."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from config.errors import ConfigFileError
from config.fieldmaps import problem_at
from config.settings import Settings

if TYPE_CHECKING:
    from mapping.framework import Framework


def check_policy(settings: Settings, framework: Framework) -> None:
    """Raise ConfigFileError that names the line of each field which Keepwell does not write, and those it does."""
    named = settings.policy.human_edits_by_field
    if not named:
        return
    from mapping.outputs import output_fields

    known = [spec.name for spec in output_fields(framework) if spec.writable]
    problems = [
        problem_at(
            settings,
            ("policy", "human_edits_by_field", name),
            f"{name} is no field that Keepwell writes",
            _hint(name, known),
        )
        for name in named
        if name not in known
    ]
    if problems:
        raise ConfigFileError(problems)


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    listed = f"It writes {', '.join(known)}."
    return f"Did you mean `{close[0]}`? {listed}" if close else listed
