"""What the written fields mean, as a page for the people who meet them in a CRM: Markdown, one section a field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from config.errors import ConfigFileError, Problem
from dashboard.handbook import code, escaped, table, writing
from dashboard.text import so_many
from mapping.framework import Framework
from mapping.outputs import output_fields, override_fields
from mapping.records import FieldSpec, ValueType

MARK = "<!-- generated: keepwell framework docs {} --for crm-users -->"
_BEGINNING = MARK.partition("{}")[0]
GROUPS = (
    ("Health", ("health_",)),
    ("Where the customer stands", ("lifecycle_stage", "tenure_stage", "stage_entered_on", "segment")),
    ("Renewal", ("renewal_status", "renewal_sub_status", "renewal_phase")),
    ("What is next", ("next_touch_", "escalation_level")),
    ("Where the values come from", ("framework", "model_version", "scored_at")),
)
"""Sections of the page, and how the names of the fields in each begin; what fits the first one stands there."""
OVERRIDES = "If you know better"
_PREFIX, _MARKED = "cs_", "CS_"


def field_guide(framework: Framework) -> str:
    """The page for one framework, with the names that fields have by default in HubSpot and Salesforce."""
    spec, written = framework.spec, list(output_fields(framework))
    lines = [MARK.format(framework.name), f"# {escaped(spec.title)}: what the fields mean", "", *_about(framework)]
    for title, beginnings in GROUPS:
        chosen = [one for one in written if one.name.startswith(beginnings)]
        lines += ["", f"## {title}", *_sections(chosen)]
    lines += ["", f"## {OVERRIDES}", "", _OVERRULING, *_sections(override_fields())]
    return "\n".join(lines) + "\n"


_OVERRULING = (
    "These three are yours: Keepwell reads them and never writes them. A renewal status set here counts until its day, "
    "and only with a reason. A won renewal, a lost one and an ended contract count first."
)


def _about(framework: Framework) -> Iterator[str]:
    if framework.spec.description:
        yield from (escaped(framework.spec.description), "")
    yield (
        "Keepwell computes these values from what is in the CRM and writes them to the account. A value that somebody "
        "changes by hand is left alone from then on, and reported. An empty field means that it is not known, or that "
        "there is nothing to say."
    )


def _sections(fields: Iterable[FieldSpec]) -> Iterator[str]:
    for one in fields:
        yield from ("", f"### {escaped(one.label)}", "", escaped(one.description), "")
        yield f"{_kind(one)}; HubSpot {code(_hubspot(one.name))}, Salesforce {code(_salesforce(one.name))}."
        if one.type is ValueType.ENUM:
            meanings = dict(one.meanings)
            rows = [(escaped(label), escaped(meanings.get(value, "")), code(value)) for value, label in one.options]
            yield from ("", *table(("shown as", "means", "value"), rows))


def _kind(field: FieldSpec) -> str:
    if field.type is ValueType.NUMBER and field.decimals:
        return f"A number with {so_many(field.decimals, 'decimal')}"
    return {
        ValueType.NUMBER: "A whole number",
        ValueType.ENUM: "One of these",
        ValueType.TEXT: "Text",
        ValueType.DATE: "A day",
        ValueType.DATETIME: "A day and time",
    }[field.type]


def _hubspot(name: str) -> str:
    return f"{_PREFIX}{name}"


def _salesforce(name: str) -> str:
    return f"{_MARKED}{'_'.join(part.capitalize() for part in name.split('_'))}__c"


def save_guide(framework: Framework, path: Path) -> None:
    """Write the page; raises `ConfigFileError` where that cannot be, or where something else stands."""
    with writing(path):
        if path.exists() and not path.read_text(encoding="utf-8").startswith(_BEGINNING):
            hint = "Name a new file: this page is written as a whole."
            raise ConfigFileError([Problem(str(path), None, "", "is no page that this command wrote.", hint)])
        path.write_text(field_guide(framework), encoding="utf-8")
