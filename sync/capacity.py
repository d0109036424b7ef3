"""What every owner and sponsor carries against the framework's norms, over all accounts; nothing is asked or stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from mapping.capacity import Verdict
from mapping.framework import Framework
from mapping.framework.spec import Bounds
from mapping.kpis.slice import SCALE
from mapping.reports.document import number
from sync.carried import Carried, Carrying
from sync.deps import Deps
from sync.errors import UsageError
from sync.slices import evaluated

LEVELS = ("over", "within", "under", "unknown")


def report_capacity(deps: Deps, *, framework: Framework | None = None, as_of: date | None = None) -> dict[str, Any]:
    """What each person carries, as of now or the end of a day, against the norms of a framework (else that in force).

    Returns JSON-able data; raises `UsageError` when the framework has no norms, or there are no accounts yet.
    """
    chosen = framework or deps.framework
    if not chosen.spec.capacity:
        raise UsageError(
            f"The framework {chosen.name} has no norms for what an owner carries.",
            hint="Add `capacity:` to it; docs/frameworks/format.md says how.",
        )
    slices = evaluated(deps, "report capacity", framework, as_of)
    carried = Carried(deps, chosen)
    for part in slices.parts:
        carried.add(part)
    owners = sorted((_owner(one) for one in carried.everybody()), key=_order)
    return {
        "as_of": slices.on.isoformat(),
        "framework": chosen.name,
        "currency": slices.currency.code,
        "counts": {level: sum(one["status"] == level for one in owners) for level in LEVELS},
        "owners": owners,
        "nobody": carried.unowned,
    }


def _owner(one: Carrying) -> dict[str, Any]:
    everything = sum(load.accounts for load in one.segments.values())
    others = everything - (one.verdict.load.accounts if one.verdict is not None else 0)
    person = one.person
    head = {"owner": person.key, "name": person.name, "email": person.email, "active": person.active, "by": one.by}
    return head | _verdict(one.verdict) | {"others": others}


def _verdict(one: Verdict | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(("role", "label", "segment", "status", "accounts", "arr"))
    return {
        "role": one.role.id,
        "label": one.role.label or one.role.id,
        "segment": one.role.segment,
        "status": one.status,
        "accounts": {"value": one.load.accounts, "status": one.accounts, **_bounds(one.role.accounts)},
        "arr": {
            "value": number(Fraction(one.load.arr, SCALE)),
            "status": one.arr,
            **_bounds(one.role.arr),
            "unknown": one.load.unknown,
        },
    }


def _bounds(bounds: Bounds | None) -> dict[str, float | None]:
    return {"min": None, "max": None} if bounds is None else {"min": bounds.min, "max": bounds.max}


def _order(one: Mapping[str, Any]) -> tuple[int, int, str, str]:
    """Who carries too much first, then too little, then the others; the most accounts first."""
    place = {"over": 0, "under": 1, "unknown": 2, "within": 3}.get(str(one["status"]), 4)
    return (
        place,
        -(one["accounts"]["value"] if one["accounts"] else 0),
        one["name"] or one["owner"],
        f"{one['owner']} {one['by']}",
    )
