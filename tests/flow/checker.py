"""Judges a workspace from outside: the CRMs' journals against outbox, ledger and audit; it never asks the engine.

The numbers are those of the invariants that a run must hold whatever happened to it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from mapping.canonical import canonical
from store import audit
from store.intents import OPEN
from store.tables import audit as audit_table
from store.tables import epoch, intent
from sync.deps import Deps
from tests.flow.rig import Rig

HELD_BY_PEOPLE = ("override", "lifecyclestage")


def assert_sound(made: Rig, *, quiet: bool = True) -> None:
    """Check everything; `quiet` when the last run came to its end, so that nothing may be left open."""
    with made.deps() as deps:
        for name in made.settings.connections:
            journal = [one for one in made.journal(at=name) if one["object"] in ("companies", "Account")]
            effects = [one for one in journal if one["actor"].startswith("api:") and one["action"] == "set"]
            intents = _intents(deps, name)
            _human_fields_untouched(effects)
            _audited_first_and_done_once(deps, name, effects, intents)
            if quiet:
                assert [one for one in intents if one["state"] in OPEN] == [], "something is left open"
                _nothing_lost(deps, name, [one for one in journal if one["action"] == "set"], intents)
        with deps.store.read() as c:
            assert audit.verify_chain(c, "default") == []
            batches = c.execute(select(audit_table.c.batch).where(audit_table.c.kind == "intent")).scalars().all()
            sealed = set(c.execute(select(epoch.c.state).where(epoch.c.proof.is_(None))).scalars())
        assert len(batches) == len(set(batches)), "one audit entry a request"
        assert "sealed" not in sealed, "an epoch is sealed with its proof"
        for one in _all_intents(deps):
            assert (one["batch"] in batches) == (one["sent_at"] is not None), "audit first (10)"


def _human_fields_untouched(effects: list[dict[str, Any]]) -> None:
    """Human wins (3): a field that belongs to people is in no request."""
    for effect in effects:
        assert not any(word in effect["property"].lower() for word in HELD_BY_PEOPLE), effect


def _audited_first_and_done_once(
    deps: Deps, name: str, effects: list[dict[str, Any]], intents: list[dict[str, Any]]
) -> None:
    """No duplicate effect (2), audit first (10): as many effects of a value as requests that could have caused them."""
    specs = {deps.connectors[name].fields().property_name(spec): spec for spec in deps.specs}
    caused: dict[tuple[str, str, str | None], int] = defaultdict(int)
    for one in intents:
        if one["sent_at"] is not None and one["state"] in ("confirmed", "sent", "in_doubt", "conflict"):
            caused[one["record_id"], one["property"], one["want"]] += 1
    for effect in effects:
        key = (str(effect["id"]), effect["property"], canonical(specs[effect["property"]], effect["new"]))
        caused[key] -= 1
        assert caused[key] >= 0, f"an effect that no request explains, or one that happened twice: {effect}"


def _nothing_lost(deps: Deps, name: str, journal: list[dict[str, Any]], intents: list[dict[str, Any]]) -> None:
    """No lost update (1): what was confirmed last is what our last effect left there, unless a person came after."""
    specs = {deps.connectors[name].fields().property_name(spec): spec for spec in deps.specs}
    there = {(str(one["id"]), one["property"]): one for one in journal if one["property"] in specs}
    last = {(one["record_id"], one["property"]): one["want"] for one in intents if one["state"] == "confirmed"}
    for key, want in last.items():
        effect = there.get(key)
        if effect is None:
            assert want is None, f"{key} was confirmed as {want!r} but nothing happened in the CRM"
        elif effect["actor"].startswith("api:"):
            assert canonical(specs[key[1]], effect["new"]) == want, (key, effect, want)


def _intents(deps: Deps, connection: str) -> list[dict[str, Any]]:
    return [one for one in _all_intents(deps) if one["connection"] == connection]


def _all_intents(deps: Deps) -> list[dict[str, Any]]:
    with deps.store.read() as c:
        return [dict(row._mapping) for row in c.execute(select(intent).order_by(intent.c.id))]
