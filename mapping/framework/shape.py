"""What pydantic says about the shape of a framework file, in the words of the file's author."""

from __future__ import annotations

from pydantic import ValidationError

from mapping.framework.errors import Path, Problem
from mapping.framework.spec import Part
from mapping.spelling import did_you_mean

_PLAIN = {
    "missing": "is required",
    "tuple_type": "has to be a list",
    "too_short": "needs at least one entry",
    "model_type": "has to be a mapping",
    "model_attributes_type": "has to be a mapping",
    "dict_type": "has to be a mapping",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "string_type": "has to be text, in quotes where YAML would read something else",
    "string_too_short": "must not be empty",
}


def shape_problems(error: ValidationError) -> list[Problem]:
    """One problem a path, without the names that pydantic gives to the branches of a union.

    A list whose entries are at fault is not also reported as empty.
    """
    found: dict[Path, Problem] = {}
    paths = [tuple(item["loc"]) for item in error.errors()]
    for item in error.errors():
        path, kind = tuple(item["loc"]), item["type"]
        if kind == "too_short" and any(other[: len(path)] == path for other in paths if len(other) > len(path)):
            continue
        message = _PLAIN.get(kind) or item["msg"].replace("Input should be", "has to be").removeprefix("Value error, ")
        if kind == "extra_forbidden":
            message = _unknown_key(str(path[-1]))
        if path[:1] == ("parameters",) and len(path) > 2:
            path, message = path[:2], "has to be a number, a text, true or false"
        found.setdefault(path, Problem(path, message))
    return list(found.values())


def _unknown_key(name: str) -> str:
    known = {item.alias or key for part in Part.__subclasses__() for key, item in part.model_fields.items()} - {name}
    return f"unknown key{did_you_mean(name, known)}"
