"""Lists as a CRM shows them, and who is told of an alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.spec import Escalation
from mapping.lint.findings import Finding
from mapping.outputs import output_fields

MOST_OPTIONS = 1000
"""Salesforce takes so many values in a custom picklist of its own; HubSpot's limit is higher."""
LONGEST_LABEL = 255
"""Characters that Salesforce keeps of a picklist's label."""
_PATHS: dict[str, Path] = {
    "health_band": ("score", "bands"),
    "lifecycle_stage": ("stages",),
    "renewal_status": ("renewal", "labels"),
    "renewal_phase": ("renewal", "phases"),
    "next_touch_type": ("cadences",),
    "escalation_level": ("escalation", "levels"),
}
"""Written list → where its entries stand; `tenure_stage` has no others than `lifecycle_stage`."""


def list_findings(framework: Framework) -> Iterator[Finding]:
    """Labels that are there twice or too long, lists that are too long, ticket categories with two levels."""
    options = {spec.name: spec.options for spec in output_fields(framework)}
    spec = framework.spec
    for name, path in _PATHS.items():
        yield from _labels(path, [label for _id, label in options[name]])
        if len(options[name]) > MOST_OPTIONS:
            yield Finding(
                "too_many_options", path, f"there are {len(options[name])} entries; Salesforce takes {MOST_OPTIONS}.",
                "Bring several together in one.",
            )  # fmt: skip
    for index, item in enumerate(spec.segments):
        place: Path = ("segments", index, "rules")
        yield from _labels(place, [rule.label or rule.id for rule in item.rules])
        if item.dimension == "segment" and len(item.rules) > MOST_OPTIONS:
            yield Finding(
                "too_many_options", place, f"there are {len(item.rules)} entries; Salesforce takes {MOST_OPTIONS}.",
                "Bring several together in one.",
            )  # fmt: skip
    yield from _labels(("alerts",), [alert.label or alert.id for alert in spec.alerts])
    metrics = [metric.label for component in spec.score.components for metric in component.metrics]
    yield from _labels(("score", "components"), metrics)
    if spec.escalation:
        yield from _categories(spec.escalation)


def alert_findings(framework: Framework) -> Iterator[Finding]:
    """Alerts that say nobody's name."""
    for index, alert in enumerate(framework.spec.alerts):
        if "owner" not in alert.model_fields_set or not alert.owner.strip():
            yield Finding(
                "alert_without_owner", ("alerts", index), f"nobody is named who answers {alert.id}.",
                "Add `owner`, the role that has to act.",
            )  # fmt: skip


def _labels(path: Path, labels: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, label in enumerate(labels):
        folded = " ".join(label.split()).casefold()
        if folded in seen:
            yield Finding(
                "label_twice", (*path, index), f"the label {label!r} is there twice.",
                "A person in the CRM cannot tell the two apart: give each its own.",
            )  # fmt: skip
        if len(label) > LONGEST_LABEL:
            yield Finding(
                "label_too_long", (*path, index), f"a label of {len(label)} characters; a CRM keeps {LONGEST_LABEL}.",
                "Shorten it and put the rest into `meaning`.",
            )  # fmt: skip
        seen.add(folded)


def _categories(escalation: Escalation) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for index, level in enumerate(escalation.levels):
        for number, category in enumerate(level.categories):
            if category in seen:
                yield Finding(
                    "category_twice", ("escalation", "levels", index, "categories", number),
                    f"the category {category!r} belongs to {seen[category]} as well.",
                    "Keep it with one of the two levels.",
                )  # fmt: skip
            seen[category] = level.id
