"""Who changes records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `api:<name of the access>` or `user`, the request it came with, and the id of the user who is shown."""

    name: str
    request_id: str
    user_id: str
