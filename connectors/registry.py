"""The connectors that exist, by the `type` of a connection; each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from connectors.base import Connector, StreamMap
from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import ConfigError
from connectors.meter import Meter


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """Where a connector's settings model and its `connect` function live, as `module:name`.

    `defaults` names the shipped field map in `config/fields`.
    """

    settings: str
    connect: str
    defaults: str


CONNECTORS: Mapping[str, ConnectorType] = MappingProxyType(
    {
        "hubspot": ConnectorType(
            settings="connectors.hubspot.settings:HubSpotSettings",
            connect="connectors.hubspot.connector:connect",
            defaults="hubspot",
        ),
        "salesforce": ConnectorType(
            settings="connectors.salesforce.settings:SalesforceSettings",
            connect="connectors.salesforce.connector:connect",
            defaults="salesforce",
        ),
        "gainsight": ConnectorType(
            settings="connectors.gainsight.settings:GainsightSettings",
            connect="connectors.gainsight.connector:connect",
            defaults="gainsight",
        ),
    }
)


def connector_type(kind: str) -> ConnectorType:
    """The registry line of a connection type; raises `ConfigError` naming the known ones."""
    try:
        return CONNECTORS[kind]
    except KeyError:
        raise ConfigError(
            f"There is no connector of type {kind!r}.", hint=f"Known types: {', '.join(sorted(CONNECTORS))}."
        ) from None


def settings_model(kind: str) -> type[Any]:
    """The pydantic model of a connection type's settings."""
    model: type[Any] = _load(connector_type(kind).settings)
    return model


def connect(
    name: str,
    settings: Any,
    field_map: Mapping[str, StreamMap],
    *,
    budget: Budget,
    clock: Clock,
    sleep: Callable[[float], None],
    prefix: str | None = None,
    meter: Meter | None = None,
) -> Connector:
    """Open the connection `name` with a settings model of its own type; sends nothing yet.

    `prefix` replaces the one of the settings for the properties that Keepwell creates; `meter` counts the requests.
    Raises `ConfigError`.
    """
    kind = connector_type(settings.type)
    opened: Connector = _load(kind.connect)(
        name, settings, field_map, budget=budget, clock=clock, sleep=sleep, prefix=prefix, meter=meter
    )
    return opened


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
