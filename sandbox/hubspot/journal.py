"""Who changes records, in the words of property history and of the journal."""

from __future__ import annotations

from dataclasses import dataclass

USER = "userId:"
"""What history puts before the id of a person; an app is only its number."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `api:<token name>` or `user`, the request it came with, and what property history calls it."""

    name: str
    request_id: str = ""
    source_id: str | None = None

    @property
    def source_type(self) -> str:
        """Return how property history names this actor."""
        return "CRM_UI" if self.name == "user" else "INTEGRATION"
