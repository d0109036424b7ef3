"""What a check of a framework's sense says."""

from __future__ import annotations

from dataclasses import dataclass

from mapping.framework.errors import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that loads but cannot be meant: which check says so, where, why, and what to do."""

    check: str
    path: Path
    why: str
    advice: str
