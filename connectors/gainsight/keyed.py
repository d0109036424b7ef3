"""Records that Keepwell makes in a tenant, found by the keys that it gave them."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import SchemaDrift
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.paging import gathered
from connectors.gainsight.query import GSID, Row, among, body, query
from connectors.gainsight.schema import Schema

USERS = "gsuser"


def by_key(client: GainsightClient, name: str, key: str, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
    """Rows of the object `name` by their value of `key`; of several with one the first by id."""
    rows: dict[str, Row] = {}
    for row in gathered(client, name, fields, key, keys):
        rows.setdefault(str(row[key]), row)
    return rows


class Users:
    """Users of a tenant by their e-mail addresses, each asked for once."""

    def __init__(self, client: GainsightClient, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._known: dict[str, str | None] = {}

    def find(self, email: str) -> str | None:
        """The id of the active user with this address; raises `SchemaDrift` where users cannot be read."""
        if email not in self._known:
            self._known[email] = self._ask(email)
        return self._known[email]

    def _ask(self, email: str) -> str | None:
        info = self._schema.object(USERS)
        if info is None or not info.has("Email"):
            raise SchemaDrift("The users of Gainsight cannot be read.", hint="Let these credentials read gsuser.")
        active = ["IsActiveUser"] if info.has("IsActiveUser") else []
        rows = query(self._client, USERS, body((GSID, "Email", *active), (among("Email", (email,)),), limit=100))
        there = [str(row[GSID]) for row in rows if all(row[name] is not False for name in active)]
        return min(there, default=None)
