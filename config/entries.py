"""Entries of the configuration whose `type` says which keys they take: connections, and channels of notifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from config.connections import connection_model
from config.yamlfile import KeyPath
from connectors.registry import CONNECTORS
from notify.settings import CHANNELS


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: what is written there, the kinds that there are, the model of its kind if that is known.

    `depth` is how many keys lead to it.
    """

    data: Any
    kinds: Sequence[str]
    model: type[BaseModel] | None
    depth: int


def _channel_model(kind: object) -> type[BaseModel] | None:
    return CHANNELS.get(kind) if isinstance(kind, str) else None


_PLACES: tuple[tuple[KeyPath, Sequence[str], Callable[[object], type[BaseModel] | None]], ...] = (
    (("connections",), sorted(CONNECTORS), connection_model),
    (("notifications", "channels"), sorted(CHANNELS), _channel_model),
)


def entry_at(path: KeyPath, data: Any) -> Entry | None:
    """The entry that the key `path` lies inside of; None elsewhere."""
    for place, kinds, model_of in _PLACES:
        depth = len(place) + 1
        if path[: len(place)] != place or len(path) <= depth:
            continue
        found = data
        for key in path[:depth]:
            found = found.get(key) if isinstance(found, dict) else None
        return Entry(found, kinds, model_of(found.get("type")) if isinstance(found, dict) else None, depth)
    return None
