"""Gainsight for the rig: a tenant whose admin added Keepwell's fields, and companies of which enough is known."""

from __future__ import annotations

from collections.abc import Iterable

from mapping.records import FieldSpec, ValueType
from sandbox.gainsight.admin import Admin
from sandbox.gainsight.errors import FieldError
from sandbox.gainsight.fields import Field
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.journal import Value
from sandbox.world.model import World
from tests.rig.clock import SharedClock
from tests.rig.truth import BESIDE, LEADS

_TYPES = {
    ValueType.NUMBER: "NUMBER",
    ValueType.ENUM: "PICKLIST",
    ValueType.TEXT: "STRING",
    ValueType.DATE: "DATE",
    ValueType.DATETIME: "DATETIME",
}
_KNOWN = {
    "Logins_Per_User_Week__gc": 2.5, "Features_Used_30d__gc": 6, "Features_Licensed__gc": 10, "Data_Volume_30d__gc": 80,
    "Data_Volume_Contracted__gc": 100, "ROI_Realised__gc": 7, "ROI_Target__gc": 10, "Goals_Achieved__gc": 3,
    "Goals_Agreed__gc": 4, "Hours_Saved__gc": 70, "Hours_Saved_Target__gc": 100,
}  # fmt: skip
"""Figures of every company, so that there is a score to keep and to lose."""
_DAYS = ("Usage_Updated_On__gc", "Value_Reviewed_On__gc")


def tenant_of(world: World, clock: SharedClock, key: str) -> GainsightState:
    """A tenant that shows `world` and takes `key`."""
    options = GainsightOptions(clock=clock.seconds, access_key=key, per_minute=10**6, per_day=10**6)
    state = GainsightState.from_world(world, options)
    made = [{"name": name, "type": "NUMBER"} for name in _KNOWN] + [{"name": name, "type": "DATE"} for name in _DAYS]
    Admin(state).field({"object": "Company", "fields": made})
    for number, row in enumerate(state.tenant.tables["company"].rows.values()):
        row.update({name: value + number % 3 for name, value in _KNOWN.items()})
        row.update(dict.fromkeys(_DAYS, row["CreatedDate"]))
    return state


def put_beside(state: GainsightState) -> None:
    """Let a rule of the tenant's make a row of the custom object for each company."""
    tenant, person = state.tenant, state.person()
    for gsid in sorted(tenant.tables["company"].rows):
        tenant.insert(tenant.tables[BESIDE], {LEADS: gsid, "Measure__gc": "all"}, person)


def companies_of(state: GainsightState) -> dict[str, str]:
    """Row of the custom object → the company that it leads to."""
    return {gsid: str(row[LEADS]) for gsid, row in state.tenant.tables[BESIDE].rows.items()}


def add_fields(state: GainsightState, specs: Iterable[FieldSpec], on: str = "Company") -> None:
    """What the admin does with the list of fields that nobody can create by Gainsight's API."""
    for spec in specs:
        name = "CS_" + "_".join(part.capitalize() for part in spec.name.split("_")) + "__gc"
        shape = {"length": spec.length} if spec.type is ValueType.TEXT else {}
        options = [value for value, _ in spec.options]
        Admin(state).field(
            {
                "object": on,
                "name": name,
                "label": spec.label,
                "type": _TYPES[spec.type],
                "options": options,
                **shape,
            }
        )


def edit(state: GainsightState, record: str, values: dict[str, str]) -> None:
    """A person changes a company, or its row of the custom object where the values are there."""
    tenant = state.tenant
    table, row = tenant.tables["company"], tenant.tables["company"].rows[record]
    if not values.keys() <= table.kind.fields.keys():
        table = tenant.tables[BESIDE]
        row = next(one for one in table.rows.values() if one[LEADS] == record)
    taken = {
        name: tenant.value(table.kind.fields[name], _typed(table.kind.fields[name], raw))
        for name, raw in values.items()
    }
    tenant.update(table, row, taken, state.person())


def archive(state: GainsightState, record: str) -> None:
    """A person deletes a company; a merge leaves no other trace of its loser."""
    table = state.tenant.tables["company"]
    state.tenant.delete(table, table.rows[record], state.person())


def forbid(state: GainsightState, name: str, refused: str) -> None:
    """Refuse one value of a field, as a rule of an admin does that no description tells of."""
    plain = state.tenant.value

    def value(target: Field, raw: object) -> Value:
        if target.name == name and raw == refused:
            raise FieldError("GSOBJ_1008", "This value is not wanted here.", name, raw)
        return plain(target, raw)

    state.tenant.value = value  # type: ignore[method-assign]


def _typed(target: Field, raw: str) -> object:
    return float(raw) if target.type == "NUMBER" else raw
