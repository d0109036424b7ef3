"""Looks into pydantic models: which keys they take, which of them are secrets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, SecretStr


@cache
def nested_keys(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields of a model and of every model inside it."""
    keys = set(model.model_fields)
    for info in model.model_fields.values():
        for inner in inner_models(info.annotation):
            keys |= nested_keys(inner)
    return frozenset(keys)


def inner_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models named anywhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from inner_models(part)


def is_secret(annotation: Any) -> bool:
    """Whether an annotation is SecretStr, or may be it."""
    return annotation is SecretStr or any(is_secret(part) for part in get_args(annotation))
