"""The texts that a column can hold, and comparisons with texts that it never holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.spec import Metric
from mapping.framework.structure import RENEWAL_STATUSES, UNKNOWN_BAND
from mapping.framework.tree import Node, tree
from mapping.lint.findings import Finding
from mapping.outputs import STATUS_LABELS, TRENDS
from mapping.spelling import nearest

SUB_STATUSES = (
    "expansion", "flat", "contraction", "amount_unknown", "auto", "terminated_early", "lost", "lapsed",
    "in_negotiation", "no_deal", "notice", "deal_lost", "forecast", "health_red", "not_started", "both", "manual",
    "missing_end_date",
)  # fmt: skip
"""Every renewal sub-status but one: that of a projected downsell is its size, for instance "-20.0%"."""
_PERCENT = "%"
TIMELINESS = ("on_time", "late", "overdue", "pending")
"""How a milestone can stand to the day on which it is due."""
_DEALS = {"kind": ("new", "renewal", "expansion", "contraction"), "state": ("open", "won", "lost")}
_OUTCOMES = {"outcome": ("scheduled", "completed", "rescheduled", "no_show", "cancelled", "cancelled_by_us")}
STREAMS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "deals": _DEALS,
        "meetings": _OUTCOMES,
        "attendances": _OUTCOMES,
        "surveys": {"type": ("nps", "csat", "ces", "custom")},
    }
)
"""Text fields of the streams that have a fixed set of values in the unified model."""
ACCOUNT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "reference_status": ("not_asked", "refused", "willing", "active"),
        "renewal_forecast": ("churn", "downsell"),
        "renewal_status_override": tuple(name for name in RENEWAL_STATUSES if name != "not_applicable"),
    }
)
"""The same of the account."""


def vocabulary(framework: Framework) -> dict[str, tuple[str, ...]]:
    """Column → every text that it can hold, for the columns of which that is known."""
    spec = framework.spec
    bands = tuple(band.id for band in spec.score.bands)
    known = {
        **ACCOUNT,
        "health_band": (*bands, UNKNOWN_BAND),
        "previous_band": (*bands, UNKNOWN_BAND),
        "health_trend": tuple(name for name, _label in TRENDS),
        "renewal_status": RENEWAL_STATUSES,
        "renewal_sub_status": SUB_STATUSES,
        "renewal_phase": tuple(rule.id for rule in spec.renewal.phases),
        "lifecycle_stage": tuple(stage.id for stage in spec.stages),
        "tenure_stage": tuple(stage.id for stage in spec.stages if stage.tenure),
        "next_touch_type": tuple(cadence.id for cadence in spec.cadences),
        "escalation_level": tuple(level.id for level in spec.escalation.levels) if spec.escalation else (),
        **{item.dimension: tuple(rule.id for rule in item.rules) for item in spec.segments},
        **{f"{one.key}_timeliness": TIMELINESS for one in spec.milestones},
        **{name: (value,) for name, value in spec.parameters.items() if isinstance(value, str)},
    }
    for name, fact in spec.facts.items():
        if fact.from_ is None and (texts := _texts(tree(framework.at("facts", name, "value").expr))):
            known[name] = texts
    return known


def unknown_texts(framework: Framework) -> Iterator[Finding]:
    """Every comparison with a text that its column never holds."""
    words = vocabulary(framework)
    labels = _labels(framework)
    for path, checked in framework.expressions.items():
        here = {**words, **STREAMS.get(_stream(framework, path), {})}
        for column, text in _compared(tree(checked.expr)):
            if column in here and not can_hold(column, text, here[column]):
                yield _finding(path, column, text, here[column], labels)
    for path, metric in _metrics(framework):
        node = tree(framework.at(*path, "value").expr)
        if metric.points is not None and node.op == "column" and node.value in words:
            for text in metric.points:
                if text not in words[node.value]:
                    yield _finding((*path, "points", text), node.value, text, words[node.value], labels)


def _finding(path: Path, column: str, text: str, known: tuple[str, ...], labels: Mapping[str, str]) -> Finding:
    close = nearest(text, known, cutoff=0.5)
    meant = labels.get(text.casefold(), close[0] if close else None)
    meant = meant if meant in known else None
    some = f"It can be {', '.join(known)}." if known else "Nothing gives it a value."
    advice = f"Did you mean {meant!r}? {some}" if meant else some
    if path[:1] == ("facts",) or column in ACCOUNT:
        advice += " Another value has to come from your field map; name it there by one of these."
    return Finding("unknown_value", path, f"`{column}` is never {text!r}.", advice)


def _labels(framework: Framework) -> dict[str, str]:
    """Label in lower case → id, for authors who write what the CRM shows."""
    spec = framework.spec
    named = [(band.label, band.id) for band in spec.score.bands]
    named += [(stage.label, stage.id) for stage in spec.stages]
    named += [(rule.label, rule.id) for item in spec.segments for rule in item.rules]
    named += [(spec.renewal.labels.get(one, label), one) for one, label in STATUS_LABELS.items()]
    return {label.casefold(): one for label, one in named if label}


def _compared(node: Node) -> Iterator[tuple[str, str]]:
    """Each column with each text that it is compared with."""
    for part in node.walk():
        if part.op == "in" and part.parts[0].op == "column":
            yield from ((part.parts[0].value, text) for text in part.value if isinstance(text, str))
        elif part.op in ("=", "<>"):
            for one, other in (part.parts, part.parts[::-1]):
                if one.op == "column" and other.op == "constant" and isinstance(other.value, str):
                    yield one.value, other.value


def can_hold(column: str, text: str, known: tuple[str, ...]) -> bool:
    """Whether a column with such values can hold a text; the size of a downsell is a text of its own."""
    return text in known or (column == "renewal_sub_status" and text.endswith(_PERCENT))


def _texts(node: Node) -> tuple[str, ...]:
    """Every text that an expression gives when all its branches are constants; nothing when one is not."""
    if node.op == "constant":
        return (node.value,) if isinstance(node.value, str) else ()
    if node.op != "case":
        return ()
    branches = [part for part in node.parts[1:] if part != Node("constant")]
    found = [_texts(part) for part in branches]
    return tuple(dict.fromkeys(text for texts in found for text in texts)) if all(found) else ()


def _stream(framework: Framework, path: Path) -> str:
    fact = framework.spec.facts.get(str(path[1])) if path[:1] == ("facts",) else None
    return str(fact.from_) if fact is not None else ""


def _metrics(framework: Framework) -> Iterator[tuple[Path, Metric]]:
    for c, component in enumerate(framework.spec.score.components):
        for m, metric in enumerate(component.metrics):
            yield ("score", "components", c, "metrics", m), metric
