"""Field maps of the small reference streams (owners, stages), whose records carry unified names already."""

from __future__ import annotations

from types import MappingProxyType

from connectors.base import Stream
from mapping.fieldmap import Rule, StreamMap
from mapping.records import ENTITIES


def reference_map(stream: Stream) -> StreamMap | None:
    """A map that reads every unified field from the property of the same name; None for other kinds of streams."""
    if stream.entity not in ENTITIES or stream.kind != "reference":
        return None
    rules = {field.name: Rule((field.name,)) for field in ENTITIES[stream.entity]}
    return StreamMap(stream.name, stream.entity, MappingProxyType(rules))
