"""Puts pydantic's validation errors into sentences with file, line and key, never with a secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from config.entries import entry_at
from config.errors import Problem
from config.layers import FILE_SUFFIX, Tree
from config.models import inner_models, is_secret, nested_keys
from config.settings import ENV_PREFIX, Settings
from config.yamlfile import Document, KeyPath, dotted
from mapping.spelling import nearest

_TYPES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def problems_of(error: ValidationError, tree: Tree, document: Document) -> list[Problem]:
    """One problem for each key at fault."""
    return [_problem(item, tree, document) for item in error.errors(include_url=False, include_input=False)]


def _problem(item: Any, tree: Tree, document: Document) -> Problem:
    path = _path(item["loc"], tree.data)
    kind = item["type"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        key = _unquoted(item["ctx"]["discriminator"])
        state = "is required:" if kind == "union_tag_not_found" else "must be"
        path, message = (*path, key), f"{state} one of {', '.join(_choices(item, path, key, tree.data))}"
        hint = ""
    elif kind == "extra_forbidden":
        message, hint = "there is no such key", _near_miss(path, tree.data)
    elif kind == "missing":
        message, hint = "is required", _how_to_give(path, tree.data)
    else:
        message, hint = _sentence(item), ""
    origin = tree.origin(path)
    text = f"{message}."
    if origin.kind in ("default", "file"):
        return document.problem(path, text, hint)
    return Problem(origin.where, None, dotted(path), text, hint)


def _sentence(item: Any) -> str:
    if item["type"] in _TYPES:
        return _TYPES[item["type"]]
    if item["type"] == "literal_error":
        return f"must be {item['ctx']['expected']}"
    message = str(item["msg"]).removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:] if message.startswith(("Input", "String", "Value")) else message


def _path(location: tuple[str | int, ...], data: Any) -> KeyPath:
    """The location without the names of union members, which are no keys of the file."""
    path: list[str | int] = []
    node = data
    for index, part in enumerate(location):
        inside = _inside(node, part)
        tag = isinstance(node, dict) and part in (node.get("type"), node.get("flow"))
        outside = isinstance(node, str | int | float)  # a plain value, which holds no keys
        if part == "[key]" or (not inside and (tag or outside or index < len(location) - 1)):
            continue
        node = node[part] if inside else None
        path.append(part)
    return tuple(path)


def _inside(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node


def _choices(item: Any, path: KeyPath, key: str, data: Any) -> list[str]:
    entry = entry_at((*path, key), data)
    if key == "type" and entry is not None:
        return list(entry.kinds)
    expected = item["ctx"].get("expected_tags", "")
    return (
        [_unquoted(part) for part in expected.split(", ")] if expected else ["the kinds that the documentation lists"]
    )


def _unquoted(text: str) -> str:
    return text.strip().strip("'")


def _near_miss(path: KeyPath, data: Any) -> str:
    known = sorted(_keys_at(path[:-1], data))
    close = nearest(str(path[-1]), known)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known keys: {', '.join(known)}." if known else ""


def _how_to_give(path: KeyPath, data: Any) -> str:
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in path)
    model = _model_at(path[:-1], data)
    info = model.model_fields.get(str(path[-1])) if model is not None else None
    if info is not None and is_secret(info.annotation):
        return f"Give `{path[-1]}: ${{VARIABLE}}`, `{path[-1]}{FILE_SUFFIX}: PATH` or the variable {variable}."
    in_a_list = any(isinstance(part, int) for part in path)
    return "Add it." if in_a_list else f"Add it, or set {variable}."


def _keys_at(path: KeyPath, data: Any) -> Iterable[str]:
    model = _model_at(path, data)
    if model is not None:
        return model.model_fields
    entry = entry_at(path, data)
    if entry is not None and entry.model is not None:  # inside a union whose member is not known
        return nested_keys(entry.model)
    return ()


def _model_at(path: KeyPath, data: Any) -> type[BaseModel] | None:
    """The model that describes the mapping at `path`, as far as it can be told."""
    if not path:
        return Settings
    entry = entry_at((*path, ""), data)
    if entry is not None:
        return _descend(entry.model, path[entry.depth :], entry.data)
    return _descend(Settings, path, data)


def _descend(model: type[BaseModel] | None, path: KeyPath, data: Any) -> type[BaseModel] | None:
    for part in path:
        if isinstance(part, int):  # inside a list of such models
            data = data[part] if _inside(data, part) else {}
            continue
        info = model.model_fields.get(str(part)) if model is not None else None
        if info is None:
            return None
        data = data.get(part, {}) if isinstance(data, dict) else {}
        candidates = list(inner_models(info.annotation))
        model = _chosen(candidates, data)
    return model


def _chosen(candidates: list[type[BaseModel]], data: Any) -> type[BaseModel] | None:
    """The member of a union whose literal tag the data has; the only member when there is one."""
    if len(candidates) == 1:
        return candidates[0]
    values = set(map(str, data.values())) if isinstance(data, dict) else set()
    for model in candidates:
        for info in model.model_fields.values():
            literals = getattr(info.annotation, "__args__", ())
            if values.intersection(literal for literal in literals if isinstance(literal, str)):
                return model
    return None
