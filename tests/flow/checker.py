"""Shows a workspace of the flow tests to the rig's checker, which judges it from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mapping.records import FieldSpec
from sandbox.gainsight.state import GainsightState
from sync.deps import Deps
from tests.flow.rig import Rig
from tests.rig.books import read_books
from tests.rig.checker import judge
from tests.rig.evidence import Evidence
from tests.rig.tasks import tasks_truth
from tests.rig.timeline import timeline_truth
from tests.rig.truth import State, state_of, truth_of


def assert_sound(made: Rig, *, quiet: bool = True) -> None:
    """Check everything; `quiet` when the last run came to its end, so that nothing may be left open."""
    violations = judge(evidence_of(made, quiet=quiet))
    assert not violations, "\n".join(map(str, violations))


def evidence_of(made: Rig, *, quiet: bool = True) -> Evidence:
    """What there is to judge: both CRMs as they are, and the store; quotas may have been part of the play."""
    with made.deps() as deps:
        specs = {name: _specs(deps, name) for name in deps.connectors}
    truths = [
        truth_of(state_of(_state(made, name)), connection=name, specs=specs[name]) for name in made.settings.connections
    ]
    truths += [tasks_truth(state, name) for name, state in _states_with_tasks(made)]
    truths += [timeline_truth(state, name) for name, state in _states_with_entries(made)]
    return Evidence(truths, read_books(made.settings.store, made.settings.workspace), quiet=quiet, throttled=True)


def _states_with_tasks(made: Rig) -> Iterator[tuple[str, State]]:
    for name, connection in made.settings.connections.items():
        if connection.tasks.wanted:  # type: ignore[attr-defined]
            yield name, _state(made, name)


def _states_with_entries(made: Rig) -> Iterator[tuple[str, GainsightState]]:
    for name, connection in made.settings.connections.items():
        state = _state(made, name)
        if isinstance(state, GainsightState) and connection.timeline.entries:  # type: ignore[attr-defined]
            yield name, state


def _specs(deps: Deps, connection: str) -> Mapping[str, FieldSpec]:
    provisioner = deps.connectors[connection].fields()
    return {provisioner.property_name(spec): spec for spec in deps.specs_of(connection) if spec.writable}


def _state(made: Rig, connection: str) -> State:
    found: State | None = getattr(made.crm, connection)
    assert found is not None
    return found
