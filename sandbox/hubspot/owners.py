"""Owners: people who own records, the deactivated ones included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.hubspot.clock import instant


@dataclass(frozen=True, slots=True)
class Owner:
    """One owner; an archived one has left, has no user id, and still owns what it owned."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int
    created_ms: int
    archived: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the owner as the API shows it."""
        return {
            "id": self.id, "email": self.email, "type": "PERSON", "firstName": self.first_name,
            "lastName": self.last_name, "userId": None if self.archived else self.user_id,
            "userIdIncludingInactive": self.user_id, "createdAt": instant(self.created_ms),
            "updatedAt": instant(self.created_ms), "archived": self.archived, "teams": [],
        }  # fmt: skip


def owner_id(person: int | None) -> str:
    """Return the owner id of a member of staff of the world; the empty text for nobody."""
    return "" if person is None else str(700_000 + person)
