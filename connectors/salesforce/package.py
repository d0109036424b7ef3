"""The fields as a source-format metadata project, for admins who deploy changes themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # nosec B405 # XML is written here, and none is read

from connectors.errors import ConfigError
from connectors.salesforce import views
from connectors.salesforce.metadata import definition
from mapping.records import FieldSpec

_ROOT = Path("force-app/main/default")


@dataclass(frozen=True, slots=True)
class Target:
    """The object that carries the fields, the one that they are defined on, whether records of it are made, and the
    user permissions without which nobody may."""

    name: str
    home: str
    create: bool = False
    rights: tuple[str, ...] = ()


def write(
    folder: Path, target: Target, fields: Mapping[str, FieldSpec], permission_set: str, version: str
) -> list[Path]:
    """Write the project into `folder`, which is made, or must be empty or hold an earlier export; the files written.

    Raises `ConfigError` when `folder` is something else, or cannot be written.
    """
    home = _ROOT / "objects" / target.home
    files = {
        Path("sfdx-project.json"): _project(version),
        _ROOT / "permissionsets" / f"{permission_set}.permissionset-meta.xml": _permission_set(target, fields),
        **{home / "fields" / f"{name}.field-meta.xml": _field(name, spec) for name, spec in fields.items()},
        **{
            home / "compactLayouts" / f"{name}.compactLayout-meta.xml": _xml(root)
            for name, root in views.layouts(fields).items()
        },
        **{
            home / "listViews" / f"{name}.listView-meta.xml": _xml(root)
            for name, root in views.views(target.name, fields).items()
        },
    }
    try:
        _check(folder)
        return [_put(folder, path, content) for path, content in files.items()]
    except OSError as error:
        raise ConfigError(
            f"The package cannot be written to {folder}: {error.strerror}.", hint="Choose an empty folder of your own."
        ) from error


def _check(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} is not a folder.", hint="Choose another place for the package.")
    if folder.exists() and any(folder.iterdir()) and not (folder / "sfdx-project.json").is_file():
        raise ConfigError(f"{folder} is in use for something else.", hint="Choose an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)


def _put(folder: Path, path: Path, content: bytes) -> Path:
    whole = folder / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    if folder.resolve() not in whole.parent.resolve().parents and whole.parent.resolve() != folder.resolve():
        raise ConfigError(f"{whole.parent} leads out of {folder}.", hint="Choose an empty folder.")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(whole, flags, 0o644), "wb") as file:
        file.write(content)
    return whole


def _project(version: str) -> bytes:
    project = {
        "packageDirectories": [{"path": "force-app", "default": True}],
        "namespace": "",
        "sourceApiVersion": version,
    }
    return (json.dumps(project, indent=2) + "\n").encode()


def _field(name: str, spec: FieldSpec) -> bytes:
    root = ET.Element("CustomField", xmlns=views.NAMESPACE)
    ET.SubElement(root, "fullName").text = name
    metadata = definition(spec)
    values = metadata.pop("valueSet", None)
    for key in sorted(metadata):
        ET.SubElement(root, key).text = _text(metadata[key])
    if values is not None:
        _add_values(root, values)
    return _xml(root)


def _add_values(root: ET.Element, value_set: Mapping[str, Any]) -> None:
    holder = ET.SubElement(root, "valueSet")
    ET.SubElement(holder, "restricted").text = _text(value_set["restricted"])
    listed = ET.SubElement(holder, "valueSetDefinition")
    ET.SubElement(listed, "sorted").text = "false"
    for entry in value_set["valueSetDefinition"]["value"]:
        value = ET.SubElement(listed, "value")
        ET.SubElement(value, "fullName").text = entry["valueName"]
        for key in sorted(entry.keys() - {"valueName"}):
            ET.SubElement(value, key).text = _text(entry[key])


def _permission_set(target: Target, fields: Mapping[str, FieldSpec]) -> bytes:
    root = ET.Element("PermissionSet", xmlns=views.NAMESPACE)
    for name, spec in sorted(fields.items()):
        grant = ET.SubElement(root, "fieldPermissions")
        ET.SubElement(grant, "editable").text = _text(spec.writable)
        ET.SubElement(grant, "field").text = f"{target.name}.{name}"
        ET.SubElement(grant, "readable").text = "true"
    ET.SubElement(root, "label").text = "Keepwell write"
    rights = ET.SubElement(root, "objectPermissions")
    allowed = {"allowCreate": target.create, "allowDelete": False, "allowEdit": True, "allowRead": True}
    for key, value in {**allowed, "modifyAllRecords": False}.items():
        ET.SubElement(rights, key).text = _text(value)
    ET.SubElement(rights, "object").text = target.name
    ET.SubElement(rights, "viewAllRecords").text = "true"
    for name in target.rights:
        right = ET.SubElement(root, "userPermissions")
        ET.SubElement(right, "enabled").text = "true"
        ET.SubElement(right, "name").text = name
    return _xml(root)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _xml(root: ET.Element) -> bytes:
    ET.indent(root, "    ")
    body: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return body + b"\n"
