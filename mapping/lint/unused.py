"""Facts, parameters and milestones that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from mapping.framework import Framework
from mapping.framework.columns import PROGRESS, day_counts, milestone_column, timing_columns
from mapping.framework.errors import Path
from mapping.lint.findings import Finding

_START = "milestones_start_on"
_ADVICE = "Use it in a rule, or take it out."


def unused(framework: Framework) -> Iterator[Finding]:
    """What no rule, metric, cadence or alert names, neither itself nor through a fact that one of them names."""
    spec, used = framework.spec, _used(framework)
    for name in spec.parameters:
        if name not in used:
            yield Finding("unused_parameter", ("parameters", name), f"nothing uses the parameter {name}.", _ADVICE)
    counted = not used.isdisjoint(set(PROGRESS) - {_START})  # a count of milestones uses all of them
    for index, milestone in enumerate(spec.milestones):
        own = {milestone_column(milestone.key), *timing_columns(milestone.key)}
        asked = any(fact.looks_for(milestone.key) for name, fact in spec.facts.items() if name in used)
        if not counted and not asked and used.isdisjoint(own):
            path: Path = ("milestones", index)
            yield Finding("unused_milestone", path, f"nothing uses the milestone {milestone.key}.", _ADVICE)
    for name in spec.facts:
        if name not in used:
            yield Finding("unused_fact", ("facts", name), f"nothing uses the fact {name}.", _ADVICE)


def _used(framework: Framework) -> set[str]:
    counts = day_counts(framework.columns)
    named: dict[str, set[str]] = {"": set()}
    for path, checked in framework.expressions.items():
        user = str(path[1]) if path[:1] == ("facts",) else ""
        found = named.setdefault(user, set())
        found |= {counts[name][0] if name in counts else name for name in checked.inputs}
    named[""] |= {
        metric.fresh.column
        for component in framework.spec.score.components
        for metric in component.metrics
        if metric.fresh is not None
    }
    named[""] |= {milestone_column(key) for entry in framework.spec.kpis for key in entry.milestones or ()}
    used: set[str] = set()
    waiting = [""]
    while waiting:
        news = named.get(waiting.pop(), set()) - used
        used |= news
        waiting += sorted(news)
    return used
