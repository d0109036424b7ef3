"""What the settings of all connections have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.errors import ConfigError
from connectors.origin import check_web_url


def _web_url(value: str) -> str:
    try:
        return check_web_url(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error


WebUrl = Annotated[str, AfterValidator(_web_url)]
"""Where people open a CRM in their browser; only linked to."""


class Strict(BaseModel):
    """A part of the settings: frozen, and without a place for keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeoutSettings(Strict):
    """Seconds to connect, between two reads, and for a whole exchange."""

    connect: float = Field(default=5.0, gt=0)
    read: float = Field(default=30.0, gt=0)
    total: float = Field(default=60.0, gt=0)
