"""Shows settings to people: effective values with their origin and without secrets, and the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote_plus

from pydantic import BaseModel, SecretStr

from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.layers import DEFAULT, flatten, twin
from config.limits import percent_text
from config.notifications import check_notifications
from config.policy import check_policy, check_tasks
from config.rates import load_rates
from config.settings import Settings
from config.yamlfile import KeyPath, dotted

MASK = "***"
SHORTEST = 6  # a shorter secret would mask ordinary words
_PERCENTAGES = frozenset(
    {
        ("policy", "quota_reserve"),
        ("policy", "backfill_reserve"),
        ("policy", "guards", "max_shrink"),
        ("figures", "gross_margin"),
    }
)
_URL_PASSWORD = re.compile(r"(?<=://)(?P<user>[^:/@]*):(?P<password>.*)@(?=[^@]*$)")
_URL_PARAMETER = re.compile(r"(?<=[?&])(?P<name>password|sslpassword)=(?P<value>[^&]*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One effective value: dotted key, value without secrets, where it came from."""

    key: str
    value: Any
    origin: str


def effective(settings: Settings) -> list[Entry]:
    """Every setting that counts, in the order of the model."""
    tree = settings.source.tree if settings.source is not None else None
    secrets = sorted(secret_values(settings), key=len, reverse=True)
    entries = []
    for path, value in flatten(_shown(settings)):
        origin = tree.origin(path) if tree is not None else DEFAULT
        entries.append(Entry(dotted(path), _without(value, secrets), str(origin)))
    return entries


def checked(settings: Settings) -> dict[str, Any]:
    """What `config check` answers, once framework and field maps are loaded too; raises ConfigFileError."""
    framework = load_framework_file(settings.framework)
    load_field_maps(settings)
    load_rates(settings)
    check_policy(settings, framework)
    check_tasks(settings, framework)
    check_notifications(settings, framework)
    names = ", ".join(settings.connections)
    return {
        "file": settings.source.document.file if settings.source is not None else "settings",
        "settings": [asdict(entry) for entry in effective(settings)],
        "summary": f"framework {framework.name}, connections {names}.",
    }


def masked_url(url: str) -> str:
    """An address (of a database, of a proxy) without its password."""
    return _URL_PARAMETER.sub(rf"\g<name>={MASK}", _URL_PASSWORD.sub(rf"\g<user>:{MASK}@", url))


def secret_values(settings: Settings) -> frozenset[str]:
    """Every secret in the settings, for the redactor of logs and messages."""
    found = set(_secrets(settings))
    if match := _URL_PASSWORD.search(settings.store):
        found.add(match["password"])
    for match in _URL_PARAMETER.finditer(settings.store):
        found |= {match["value"], unquote_plus(match["value"])}
    return frozenset(found)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration file, for editors."""
    schema = Settings.model_json_schema(mode="validation")
    for part in (schema, *schema["$defs"].values()):
        _allow_secret_files(part)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _without(value: Any, secrets: Iterable[str]) -> Any:
    """A value with secrets masked that were pasted into it as well."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK) if len(secret) >= SHORTEST else value
    return value


def _allow_secret_files(schema: dict[str, Any]) -> None:
    """Any secret may be given as a file with the secret; the loader replaces one by the other."""
    properties = schema.get("properties", {})
    secrets = [name for name, item in properties.items() if '"writeOnly": true' in json.dumps(item) or "secret" in item]
    for name in secrets:
        properties.setdefault(twin(name), {"type": "string", "description": f"path of a file that contains {name}"})
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in secrets]


def _shown(value: Any, path: KeyPath = ()) -> Any:
    if isinstance(value, BaseModel):
        return {name: _shown(getattr(value, name), (*path, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _shown(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, frozenset | tuple | list):
        items = [_shown(item, path) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    return _shown_leaf(value, path)


def _shown_leaf(value: Any, path: KeyPath) -> Any:
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, str):
        return masked_url(value)
    if path in _PERCENTAGES and value is not None:
        return percent_text(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _forms(secret: str) -> set[str]:
    """A secret, and of an address also what follows its host: a library logs the two apart."""
    _, scheme, rest = secret.partition("://")
    return {secret, *(f"/{part}" for part in rest.split("/", 1)[1:] if scheme)}


def _secrets(value: Any) -> set[str]:
    if isinstance(value, BaseModel):
        return set().union(*(_secrets(getattr(value, name)) for name in type(value).model_fields))
    if isinstance(value, SecretStr):
        return _forms(value.get_secret_value())
    if isinstance(value, dict):
        return set().union(*map(_secrets, value.values()))
    return set()
