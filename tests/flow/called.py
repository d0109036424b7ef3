"""A workspace whose alerts become calls to action of Gainsight, and what the tenant holds of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Settings
from store import alert_tasks
from store.alert_tasks import AlertTask
from store.alerts import Alert
from tests.flow.rig import Rig, rig, settings_data
from tests.flow.told import Told

OBJECT, PATH, KEY = "call_to_action", "/v2/cockpit/cta", "CS_Alert_Key__gc"
REASON = "Usage Drop"


class Called(Told):
    """A book whose `alerts` become calls to action."""

    def __init__(self, made: Rig, alerts: Any, **tasks: Any) -> None:
        super().__init__(made, None)
        made.person("field", at="gainsight", object=OBJECT, name=KEY, type="STRING", length=64)
        if alerts:
            self.ask(alerts=alerts, **tasks)

    def ask(self, **tasks: Any) -> None:
        """Set which alerts become calls, and what those say."""
        data = self.data(**tasks)
        self.rig.settings = Settings(**data, timezone=self.rig.settings.timezone)

    def data(self, **tasks: Any) -> dict[str, Any]:
        data = settings_data(self.rig.crm, self.rig.settings.store)
        data["connections"]["gainsight"]["tasks"] = {"reason": REASON, "fallback_owner": self.author, **tasks}
        return data

    def calls(self) -> dict[str, dict[str, Any]]:
        """Key → live call that has one, items by their labels; two of one key would be the mistake to find."""
        rows = [dict(row) for row in self.tenant.tables[OBJECT].rows.values() if row.get(KEY)]
        assert len({row[KEY] for row in rows}) == len(rows)
        return {str(row[KEY]): {name: self.label(value) or value for name, value in row.items()} for row in rows}

    def call(self, alert: Alert) -> dict[str, Any]:
        return self.calls()[self.book_of(alert).key]

    def book_of(self, alert: Alert) -> AlertTask:
        with self.rig.deps() as deps, deps.store.read() as c:
            (found,) = alert_tasks.of_alerts(c, "default", [alert.id])[alert.id]
        return found

    def edit_call(self, alert: Alert, **values: Any) -> None:
        self.rig.person("edit", at="gainsight", object=OBJECT, id=self.call(alert)["Gsid"], properties=values)

    def times_called(self) -> int:
        """How many calls of the account's company the API ever made, whatever became of them."""
        found = [one for one in self.rig.ours(at="gainsight") if one["object"] == OBJECT]
        return sum(1 for one in found if (one["property"], one["new"]) == ("CompanyId", self.gsid))


@contextmanager
def called(folder: Path, store: str | None = None, *, alerts: Any = ("band_drop",), **tasks: Any) -> Iterator[Called]:
    with rig(folder, store=store, synced=True, accounts=12, with_gainsight=True) as made:
        yield Called(made, alerts, **tasks)
