"""Checks of `kpis`: that each is in the catalogue, takes what it is given, and can meet its target."""

from __future__ import annotations

from collections.abc import Iterator

from mapping.framework.errors import Path, Problem
from mapping.framework.spec import FrameworkSpec, KpiSpec
from mapping.kpis.catalogue import CATALOGUE, OWN_KEYS, Kpi
from mapping.spelling import did_you_mean

_LARGEST_SHARE = 10
"""1000 %: nobody aims at more, but 95 for 95 % is easily written."""


def kpi_problems(spec: FrameworkSpec) -> Iterator[Problem]:
    """Every fault of `spec.kpis` that needs no schema."""
    keys = {item.key for item in spec.milestones}
    for index, entry in enumerate(spec.kpis):
        path: Path = ("kpis", index)
        known = CATALOGUE.get(entry.id)
        if known is None:
            hint = did_you_mean(entry.id, CATALOGUE, otherwise=f"; there are {', '.join(CATALOGUE)}")
            yield Problem((*path, "id"), f"there is no KPI {entry.id!r}{hint}")
            continue
        given = {name for name in OWN_KEYS if getattr(entry, name) is not None}
        for name in sorted(given - known.takes):
            yield Problem((*path, name), f"does not belong to {entry.id}")
        for name in sorted(known.needs - given):
            yield Problem(path, f"{entry.id} needs `{name}`")
        if entry.period is not None and known.of_the_moment:
            yield Problem((*path, "period"), f"{entry.id} says how things stand, not what happened in a period")
        if "milestones" in known.takes and not keys:
            yield Problem((*path, "id"), f"{entry.id} is made of milestones, and the framework has none")
        for number, key in enumerate(entry.milestones or ()):
            if key not in keys:
                yield Problem((*path, "milestones", number), f"the framework has no milestone {key!r}")
        yield from _target((*path, "target"), entry, known)


def _target(path: Path, entry: KpiSpec, known: Kpi) -> Iterator[Problem]:
    target = entry.target
    if target is None:
        return
    if known.unit == "share" and abs(target.value) > _LARGEST_SHARE:
        yield Problem((*path, "value"), f"is a share: write {target.value / 100:g} for {target.value:g} %")
    upwards = target.op in (">=", ">")
    if known.better is not None and upwards != (known.better == "higher"):
        allowed = "<= or <" if upwards else ">= or >"
        yield Problem((*path, "op"), f"of {entry.id} {known.better} is better, so that a target has {allowed}")
