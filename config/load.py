"""Reads the settings: configuration file, over it secret files, over these the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.dashboard import Dashboard
from config.entries import entry_at
from config.errors import ConfigFileError, Problem
from config.interpolate import MissingVariable, interpolate
from config.layers import FILE_SUFFIX, Origin, Tree, flatten, from_names, lay, twin, twins_given
from config.models import nested_keys
from config.observing import Metrics
from config.problems import problems_of
from config.secretfiles import SecretFileError, read_secret, read_secrets_dir
from config.settings import ENV_PREFIX, Settings, Source
from config.yamlfile import Document, KeyPath, dotted, read_yaml

SECRETS_DIR = "KEEPWELL_SECRETS_DIR"
_SQLITE = "sqlite:///"
_SECTIONS_WITH_SECRETS = {"dashboard": Dashboard, "metrics": Metrics}


def load_settings(path: Path | str, env: Mapping[str, str]) -> Settings:
    """The settings that `path` and the environment `env` make together.

    Relative paths inside the file start at the folder of the file, those from the environment at the current folder.
    The file may be missing when variables `KEEPWELL_CONNECTIONS__…` describe every connection. Raises
    ConfigFileError with every problem that was found.
    """
    place = Path(path)
    by_environment = any(name.upper().startswith(f"{ENV_PREFIX}CONNECTIONS__") for name in env)
    if by_environment and not place.exists():
        document = Document(str(place), {})
    else:
        document = read_yaml(place, missing_hint="`keepwell init` writes one; --config names another.")
    tree, problems = _layers(document, env)
    problems += _fill_references(tree, env)
    _anchor_paths(tree, place.parent)
    problems += _read_secret_files(tree)
    if problems:
        raise ConfigFileError(_in_order(problems))
    try:
        settings = Settings(**tree.data)
    except ValidationError as error:
        raise ConfigFileError(_in_order(problems_of(error, tree, document))) from None
    return settings.with_source(Source(document, tree))


def _layers(document: Document, env: Mapping[str, str]) -> tuple[Tree, list[Problem]]:
    tree = Tree()
    problems = twins_given(document.data, document.file, document.lines)
    lay(tree, _from_file(document))
    if folder := env.get(SECRETS_DIR):
        found, failed = read_secrets_dir(Path(folder))
        problems += [Problem(name, None, "", error.message, error.hint) for name, error in failed]
        lay(tree, from_names(found, prefix=ENV_PREFIX, kind="secret file", folder=folder))
    lay(tree, from_names(env, prefix=ENV_PREFIX, kind="environment"))
    return tree, problems


def _from_file(document: Document) -> Iterator[tuple[KeyPath, Any, Origin]]:
    for path, value in flatten(document.data):
        yield path, value, Origin("file", document.file, document.line(path))


def _fill_references(tree: Tree, env: Mapping[str, str]) -> list[Problem]:
    """Replace `${NAME}` in what comes from the file; variables given directly are taken as they are."""
    problems = []
    for path, value in list(tree.leaves()):
        origin = tree.origin(path)
        if origin.kind != "file":
            continue
        try:
            filled = _filled(value, env)
        except MissingVariable as error:
            hint = f"Set it, for instance `export {error.name}=…`." if error.name else "Write `$${` for a plain `${`."
            problems.append(Problem(origin.where, origin.line, dotted(path), f"{error}.", hint))
            continue
        if filled != value:
            tree.put(path, filled, origin)
    return problems


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolate(value, env)
    if isinstance(value, list):
        return [_filled(item, env) for item in value]
    return value


def _anchor_paths(tree: Tree, folder: Path) -> None:
    """Make relative paths of the configuration file relative to its folder, wherever the program is started."""
    for path, value in list(tree.leaves()):
        origin = tree.origin(path)
        if origin.kind != "file" or not isinstance(value, str):
            continue
        anchored = _anchored(path, value, folder)
        if anchored != value:
            tree.put(path, anchored, origin)


def _anchored(path: KeyPath, value: str, folder: Path) -> str:
    if path == ("store",) and value.startswith(_SQLITE):
        return _SQLITE + str((folder / value.removeprefix(_SQLITE)).absolute()) if _names_a_file(value) else value
    if path == ("rates",) or (path == ("framework",) and is_path(value)):
        return str((folder / value).absolute())
    if path == ("metrics", "textfile") or str(path[-1]).endswith((FILE_SUFFIX, "ca_bundle")):
        return str((folder / Path(value).expanduser()).absolute())
    return value


def _names_a_file(url: str) -> bool:
    return not url.removeprefix(_SQLITE).startswith((":memory:", "file:")) and url != _SQLITE


def is_path(framework: str) -> bool:
    """Whether `framework:` names a file rather than a shipped framework."""
    return "/" in framework or framework.endswith((".yaml", ".yml"))


def _read_secret_files(tree: Tree) -> list[Problem]:
    """Replace `consumer_secret_file: PATH` by `consumer_secret: CONTENT`.

    Where the connector's model knows the `…_file` key itself (it reads the file again later), the file is only checked.
    """
    problems = []
    for path, value in list(tree.leaves()):
        key, known = str(path[-1]), _keys_around(path, tree)
        if not key.endswith(FILE_SUFFIX) or twin(key) not in known:
            continue
        try:
            secret = read_secret(Path(str(value)))
        except SecretFileError as error:
            origin = tree.origin(path)
            problems.append(Problem(origin.where, origin.line, dotted(path), error.message, error.hint))
            continue
        if key not in known:
            tree.put((*path[:-1], twin(key)), secret, Origin("secret file", str(value)))
    return problems


def _keys_around(path: KeyPath, tree: Tree) -> frozenset[str]:
    if path == ("store_file",):
        return frozenset({"store"})
    if (section := _SECTIONS_WITH_SECRETS.get(str(path[0]))) is not None:
        return nested_keys(section)
    entry = entry_at(path, tree.data)
    return nested_keys(entry.model) if entry is not None and entry.model is not None else frozenset()


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))
