"""A workspace whose falls of health become entries on Gainsight's timelines, and what the tenant holds of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Settings
from store import identity, timeline_entries
from store.timeline_entries import TimelineEntry
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig, settings_data
from tests.flow.test_alerts import Book

OBJECT, PATH = "activity_timeline", "/v1/ant/es/activity"


class Told(Book):
    """A book whose account is a company of Gainsight as well."""

    def __init__(self, made: Rig, entries: dict[str, Any] | None) -> None:
        super().__init__(made)
        assert made.crm.gainsight is not None
        self.tenant = made.crm.gainsight.tenant
        users = self.tenant.tables["gsuser"].rows
        self.author = str(users[self.tenant.integration_user]["Email"])
        with made.deps() as deps, deps.store.read() as c:
            links = identity.links(c, "default", [self.account])
        self.gsid = next(one.crm_id for one in links if one.connection == "gainsight")
        if entries is not None:
            self.configure(**{"author": self.author, **entries})

    def configure(self, **entries: Any) -> None:
        """Ask for entries."""
        data = settings_data(self.rig.crm, self.rig.settings.store)
        data["connections"]["gainsight"]["timeline"] = {"entries": entries}
        self.rig.settings = Settings(**data, timezone=self.rig.settings.timezone)

    def entries(self) -> list[dict[str, Any]]:
        """Live activities on the account's timeline that have a key of ours."""
        rows = self.tenant.tables[OBJECT].rows.values()
        mine = [row for row in rows if row["GsCompanyId"] == self.gsid]
        return [dict(row) for row in mine if str(row["ExternalId"]).startswith("kw-")]

    def entry(self) -> dict[str, Any]:
        (found,) = self.entries()
        return found

    def times_made(self) -> int:
        """How many activities of the account's company the API ever made, whatever became of them."""
        found = [one for one in self.rig.ours(at="gainsight") if one["object"] == OBJECT]
        return sum(1 for one in found if (one["property"], one["new"]) == ("GsCompanyId", self.gsid))

    def book(self) -> TimelineEntry:
        with self.rig.deps() as deps, deps.store.read() as c:
            keys = [str(one["ExternalId"]) for one in self.entries()]
            (found,) = timeline_entries.by_key(c, "default", "gainsight", keys).values()
        return found

    def label(self, gsid: Any) -> str | None:
        items = (item for one in self.tenant.categories.values() for item in one.items)
        return next((item.label for item in items if item.gsid == gsid), None)

    def sound(self, *, quiet: bool = True) -> None:
        """Let the checker look at everything, the entries among it."""
        assert_sound(self.rig, quiet=quiet)


@contextmanager
def told(folder: Path, store: str | None = None, *, entries: dict[str, Any] | None = {}) -> Iterator[Told]:  # noqa: B006
    with rig(folder, store=store, synced=True, accounts=12, with_gainsight=True) as made:
        yield Told(made, entries)
