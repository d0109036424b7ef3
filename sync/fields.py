"""Provisioning: the properties that Keepwell owns in each CRM, compared and created."""

from __future__ import annotations

from connectors.base import FieldFinding
from store import leases
from store.errors import LeaseHeld
from sync.deps import Deps
from sync.errors import Busy
from sync.session import lease_key


def fields_plan(deps: Deps) -> dict[str, list[FieldFinding]]:
    """What each CRM has and lacks, by connection; changes nothing."""
    return {name: connector.fields().plan(deps.specs) for name, connector in deps.connectors.items()}


def fields_apply(deps: Deps) -> dict[str, list[FieldFinding]]:
    """Create what is missing and return the findings as they are then; raises `Busy` while a run is under way."""
    done: dict[str, list[FieldFinding]] = {}
    for name, connector in deps.connectors.items():
        owner = deps.new_id()
        try:
            lease = leases.acquire(deps.store, deps.workspace, lease_key(name), owner, deps.timing.lease_ttl)
        except LeaseHeld as held:
            raise Busy(f"{name} is in use by run {held.owner}.", hint="Wait for that run to end.") from held
        try:
            provisioner = connector.fields()
            done[name] = provisioner.apply(provisioner.plan(deps.specs))
        finally:
            leases.release(deps.store, lease)
    return done
