"""What the settings of all connections have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A part of the settings: frozen, and without a place for keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeoutSettings(Strict):
    """Seconds to connect, between two reads, and for a whole exchange."""

    connect: float = Field(default=5.0, gt=0)
    read: float = Field(default=30.0, gt=0)
    total: float = Field(default=60.0, gt=0)
