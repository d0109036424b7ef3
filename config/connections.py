"""The type of an entry of `connections`: the union of every registered connector's own settings model."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, Field

from connectors.registry import CONNECTORS, settings_model


def connection_model(kind: object) -> type[BaseModel] | None:
    """The settings model of a connector type, or None when there is no such type."""
    if not isinstance(kind, str) or kind not in CONNECTORS:
        return None
    return settings_model(kind)


def connection_union() -> Any:
    """Every connector's settings model, told apart by `type`; a new registry line is enough to join it."""
    models = [settings_model(kind) for kind in CONNECTORS]
    return Annotated[reduce(or_, models), Field(discriminator="type")]
