"""A framework file with other weights, to be read and tried by a person; nobody applies it by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigFileError, Problem
from config.frameworks import ITS_OWN, framework_path, read_layers
from config.load import is_path

SUFFIX = "_suggested"
_LONGEST_ID = 60


def write_suggestion(path: Path, name_or_path: str, weights: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Write a framework that differs from another one in its weights only, with `notes` above it as comments.

    `weights` has component → {weight, metrics: {metric: weight}}; a metric or component that is not named is left
    out. The file extends the other one, or what that one extends. Raises ConfigFileError when `path` is there already
    or cannot be written.
    """
    text = "".join(f"# {note}\n" for note in notes) + _body(path, name_or_path, weights)
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        message = "is there already; name another file for the suggestion."
        raise ConfigFileError([Problem(str(path), None, "", message)]) from None
    except OSError as error:
        raise ConfigFileError([Problem(str(path), None, "", f"cannot be written: {error.strerror}.")]) from None


def _body(path: Path, name_or_path: str, weights: Mapping[str, Any]) -> str:
    layers = read_layers(name_or_path)
    data, own = layers.data(), layers.own.data
    extended = name_or_path
    kept: dict[str, Any] = {}
    if layers.base is not None:
        # Only a framework that stands alone can be extended: what this one says for itself is said again.
        kept = {key: value for key, value in own.items() if key not in ITS_OWN}
        extended = str(own["extends"])
        if is_path(extended):
            extended = str(Path(layers.own.file).parent / extended)
    written = {
        "framework": f"{data['framework']}"[: _LONGEST_ID - len(SUFFIX)] + SUFFIX,
        "title": f"{data['title']}, suggested weights",
        "extends": _from(path, extended),
        **kept,
        "score": {**kept.get("score", {}), "components": _reweighted(data["score"]["components"], weights)},
    }
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _from(path: Path, extended: str) -> str:
    """A path in a framework counts from that file's folder."""
    if not is_path(extended):
        return extended
    return f"./{os.path.relpath(framework_path(extended).resolve(), path.resolve().parent)}"


def _reweighted(components: Sequence[Mapping[str, Any]], weights: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **component,
            "weight": weights[component["id"]]["weight"],
            "metrics": [
                {**metric, "weight": weights[component["id"]]["metrics"][metric["id"]]}
                for metric in component["metrics"]
                if metric["id"] in weights[component["id"]]["metrics"]
            ],
        }
        for component in components
        if component["id"] in weights
    ]
