"""The same beginning for many tests: CRMs with Keepwell's properties in them, perhaps after a first run.

It is made once a process and copied from then on, because making it takes longer than most of what is tested with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.serve import Running

if TYPE_CHECKING:
    from sync.report import RunReport
    from tests.flow.rig import Rig

_IN_SALESFORCE = ("org", "journal", "field_numbers", "rules")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the CRMs hold, the file of the store, and the report of the first run if there was one."""

    crms: bytes
    store: bytes
    first: RunReport | None


_known: dict[Hashable, Beginning] = {}


def provisioned(made: Rig, like: Hashable | None) -> None:
    """Give the CRMs Keepwell's properties; those that are `like` one another are copies of one, None is like none."""
    file = _file(made)
    key = ("provisioned", like, file is not None)
    if (known := _known.get(key)) is not None:
        _given(made, file, known)
        return
    made.provision()
    if like is not None:
        _known[key] = _taken(made, file, None)


def synced(made: Rig, like: Hashable | None) -> RunReport:
    """The same after a complete first run with no options; returns its report."""
    file = _file(made)
    key = ("synced", like)
    known = _known.get(key)
    if file is None or known is None or known.first is None:
        provisioned(made, like)
        first = made.sync()
        assert first.status == "complete", first.reason
        if file is not None and like is not None:
            _known[key] = _taken(made, file, first)
        return first
    _given(made, file, known)
    return known.first


def _file(made: Rig) -> Path | None:
    """File of the store; a server has none."""
    kind, _, path = made.settings.store.partition(":///")
    return Path(path) if kind == "sqlite" else None


def _taken(made: Rig, file: Path | None, first: RunReport | None) -> Beginning:
    return Beginning(pickle.dumps(_contents(made.crm)), file.read_bytes() if file is not None else b"", first)


def _given(made: Rig, file: Path | None, known: Beginning) -> None:
    portal, org = pickle.loads(known.crms)  # noqa: S301 - what this process has written itself
    # The routes of the portal know these two objects, so they stay and take over what the others hold.
    served = made.crm.hubspot.portal
    for part in fields(portal.links):
        setattr(served.links, part.name, getattr(portal.links, part.name))
    vars(served).update({name: value for name, value in vars(portal).items() if name not in ("clock", "links")})
    for name, value in org.items():
        setattr(made.crm.salesforce, name, value)
    if file is not None:
        file.touch(mode=0o600)
        file.write_bytes(known.store)


def _contents(crm: Running) -> tuple[Any, dict[str, Any]]:
    org = {name: getattr(crm.salesforce, name) for name in _IN_SALESFORCE} if crm.salesforce is not None else {}
    return crm.hubspot.portal, org
