"""Current values of companies, for guard reads and reading back, and the rows that hold them.

Those are the companies themselves, or rows of the object that the connection names as its target, which lead to them by
a lookup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.base import Observed
from connectors.errors import SchemaDrift
from connectors.gainsight import cells
from connectors.gainsight.answers import NotFound, RequestRefused
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.paging import IDS_A_CALL, gathered
from connectors.gainsight.query import GSID, Row
from connectors.gainsight.schema import COMPANY, ObjectInfo, Schema
from connectors.gainsight.settings import TargetSettings
from connectors.gainsight.streams import missing_fields, no_object
from mapping.records import Ref

READ_BATCH = IDS_A_CALL
"""Records of one guard read."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where the values of companies are: company → id of the row, and why there is none to write for the others.

    `gone` are companies that are not there themselves.
    """

    at: Mapping[str, str]
    gone: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


class Current:
    """Reads values by the ids of companies."""

    def __init__(self, client: GainsightClient, schema: Schema, own: str, target: TargetSettings | None = None) -> None:
        self._client = client
        self._schema = schema
        self._own = own
        self.object = target.object if target is not None else COMPANY
        self._lookup = target.company if target is not None else GSID

    @property
    def aside(self) -> bool:
        """Whether values are in rows beside the companies."""
        return self._lookup != GSID

    def read(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """One `Observed` a ref, in the order of `refs`; raises `SchemaDrift` for a property that is not there.

        A company without a row of its own beside it shows nothing in any of them.
        """
        info = self.info()
        lost = [name for name in properties if not info.has(name)]
        if lost:
            raise missing_fields(info, lost)
        rows = self.rows([ref.id for ref in refs], properties)
        without = [ref.id for ref in refs if ref.id not in rows]
        there = self._companies(without) if self.aside else frozenset[str]()
        return [self._observed(ref, rows.get(ref.id), properties, info, there) for ref in refs]

    def rows(self, ids: Sequence[str], properties: Sequence[str]) -> dict[str, Row]:
        """The rows of the companies `ids` that have one, by company; of several the one with the lowest id."""
        found: dict[str, Row] = {}
        for row in self._held(ids, properties):
            found.setdefault(str(row[self._lookup]), row)
        return found

    def locate(self, ids: Sequence[str]) -> Located:
        """Where the values of companies are now; costs a call, and two more where companies lack a row beside them."""
        held: dict[str, list[str]] = {}
        for row in self._held(ids, ()):
            held.setdefault(str(row[self._lookup]), []).append(row[GSID])
        without = [one for one in dict.fromkeys(ids) if one not in held]
        there = self._companies(without) if self.aside else frozenset[str]()
        refused = dict.fromkeys(there, f"{self.object} has no row of this company: let a rule in Gainsight make one")
        refused |= {
            one: f"{self.object} has {len(rows)} rows of this company" for one, rows in held.items() if rows[1:]
        }
        alone = {one: rows[0] for one, rows in held.items() if not rows[1:]}
        return Located(alone, frozenset(without) - there, refused)

    def taken_for_there(self, ids: Sequence[str]) -> Located:
        """The same as far as it may be taken for granted: companies are where the plan has just seen them."""
        return self.locate(ids) if self.aside else Located({one: one for one in ids})

    def info(self, *, fresh: bool = False) -> ObjectInfo:
        """The description of the object, made anew when `fresh`; raises `SchemaDrift` when it is not there."""
        if fresh:
            self._schema.forget(self.object)
        info = self._schema.object(self.object)
        if info is None:
            raise no_object(self.object)
        if not info.has(self._lookup):
            raise missing_fields(info, [self._lookup])
        if self.aside and not info.fields[self._lookup].lookup:
            raise SchemaDrift(
                f"{self.object}.{self._lookup} is no lookup.", hint="Let target.company name the lookup to Company."
            )
        return info

    def _held(self, ids: Sequence[str], properties: Sequence[str]) -> list[Row]:
        """The rows that hold values of the companies `ids`, but for those that a deleted company left behind."""
        leads = f"{self.info().fields[self._lookup].lookup}.{GSID}" if self.aside else GSID
        rows = self._query(self.object, ids, (self._lookup, leads, *properties), self._lookup)
        return [row for row in rows if row[leads]]

    def _companies(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of `ids` that are there."""
        return frozenset(row[GSID] for row in self._query(COMPANY, ids, (), GSID))

    def _query(self, name: str, ids: Sequence[str], fields: Sequence[str], by: str) -> list[Row]:
        try:
            return gathered(self._client, name, fields, by, ids)
        except (NotFound, RequestRefused) as refused:
            self._schema.forget(name)
            raise SchemaDrift(refused.message, hint="Check the fields in Data Management, then run again.") from refused

    def _observed(
        self, ref: Ref, row: Row | None, properties: Sequence[str], info: ObjectInfo, there: frozenset[str]
    ) -> Observed:
        if row is None and ref.id not in there:
            return Observed(ref, missing=True)
        held = row or {}
        return Observed(
            ref,
            {
                name: cells.decode(held.get(name), info.fields.get(name), own=name.startswith(self._own))
                for name in properties
            },
        )
