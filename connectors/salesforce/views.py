"""List views and a compact layout for whoever looks at accounts in Salesforce: nothing that is there is replaced.

Shapes and names of columns are those of ListView and CompactLayout in the Metadata API; standard fields of Account have
names of their own there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # nosec B405 # XML is written here, and none is read

from mapping.records import FieldSpec

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
LAYOUT = "Keepwell"
UNKNOWN = "unknown"
_NAMES = {"Account": ("ACCOUNT.NAME", "CORE.USERS.ALIAS")}
_OF_OTHERS = ("NAME", "OWNER.ALIAS")
_AT_WORK = ("projected_churn", "overdue", "projected_downsell", "at_risk", "due")
_MOST_IN_LAYOUT = 10
_LAYOUT = ("health_band", "health_score", "health_trend", "lifecycle_stage", "segment", "renewal_status",
           "next_touch_type", "next_touch_due_on", "escalation_level")  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """A list of records: those whose `field` stands in this relation to one of `values`; `columns` beside the name."""

    name: str
    label: str
    field: str
    operation: str
    values: tuple[str, ...]
    columns: tuple[str, ...]


def layouts(fields: Mapping[str, FieldSpec]) -> dict[str, ET.Element]:
    """The compact layout by its name: what is read at a glance at the top of a record."""
    names = _by_field(fields)
    chosen = [names[one] for one in _LAYOUT if one in names][: _MOST_IN_LAYOUT - 1]
    if not chosen:
        return {}
    root = ET.Element("CompactLayout", xmlns=NAMESPACE)
    ET.SubElement(root, "fullName").text = LAYOUT
    for name in ("Name", *chosen):
        ET.SubElement(root, "fields").text = name
    ET.SubElement(root, "label").text = "Customer success"
    return {LAYOUT: root}


def views(target: str, fields: Mapping[str, FieldSpec]) -> dict[str, ET.Element]:
    """List views by name, of those for which all fields are there."""
    names = _by_field(fields)
    return {
        one.name: _view(target, one, names)
        for one in _views({spec.name: spec for spec in fields.values()})
        if {one.field, *one.columns} <= names.keys()
    }


def _views(specs: Mapping[str, FieldSpec]) -> Iterator[View]:
    health = ("health_band", "health_score", "health_trend")
    bands = [value for value, _ in specs["health_band"].options if value != UNKNOWN] if "health_band" in specs else []
    yield View("Keepwell_Customers", "Customer success: by health", "health_band", "notEqual", (),
               (*health, "lifecycle_stage", "segment"))  # fmt: skip
    yield View("Keepwell_Lowest_Health", "Customer success: lowest health", "health_band", "equals", tuple(bands[-1:]),
               (*health, "health_reasons"))  # fmt: skip
    yield View("Keepwell_Renewals", "Customer success: renewals to work on", "renewal_status", "equals", _AT_WORK,
               ("renewal_status", "renewal_phase", *health))  # fmt: skip
    yield View("Keepwell_Touches", "Customer success: touches overdue", "next_touch_due_on", "lessThan", ("TODAY",),
               ("next_touch_type", "next_touch_due_on", "health_band"))  # fmt: skip


def _view(target: str, one: View, names: Mapping[str, str]) -> ET.Element:
    root = ET.Element("ListView", xmlns=NAMESPACE)
    ET.SubElement(root, "fullName").text = one.name
    record, owner = _NAMES.get(target, _OF_OTHERS)
    for column in (record, owner, *(names[column] for column in one.columns)):
        ET.SubElement(root, "columns").text = column
    ET.SubElement(root, "filterScope").text = "Everything"
    condition = ET.SubElement(root, "filters")
    ET.SubElement(condition, "field").text = names[one.field]
    ET.SubElement(condition, "operation").text = one.operation
    if one.values:  # compared with nothing: whether there is a value
        ET.SubElement(condition, "value").text = ",".join(one.values)
    ET.SubElement(root, "label").text = one.label
    return root


def _by_field(fields: Mapping[str, FieldSpec]) -> dict[str, str]:
    """Neutral name of a field → its name in the org."""
    return {spec.name: name for name, spec in fields.items()}
