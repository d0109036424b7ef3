"""A workspace whose alerts become tasks, and what its CRM holds of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store import alert_tasks
from store.alert_tasks import AlertTask
from store.alerts import Alert
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig
from tests.flow.test_alerts import Book

KEY = "cs_alert_key"


class Tasked(Book):
    """A book whose `alerts` become tasks of HubSpot."""

    def __init__(self, made: Rig, alerts: Any) -> None:
        super().__init__(made)
        self.configure(alerts=alerts)
        made.provision()

    def configure(self, **tasks: Any) -> None:
        """Change the settings of HubSpot's tasks."""
        connections = dict(self.rig.settings.connections)
        own = connections["hubspot"]
        given = own.tasks.model_validate({**own.tasks.model_dump(), **tasks})  # type: ignore[attr-defined]
        connections["hubspot"] = own.model_copy(update={"tasks": given})
        self.rig.settings = self.rig.settings.model_copy(update={"connections": connections})

    def tasks(self) -> dict[str, dict[str, str]]:
        """Key → values of every live task that has one; two of one key would show as a mistake of the sandbox."""
        found = [one.values for one in self.rig.crm.hubspot.portal.stores["tasks"].live.values() if KEY in one.values]
        assert len({one[KEY] for one in found}) == len(found)
        return {one[KEY]: one for one in found}

    def task(self, alert: Alert) -> dict[str, str]:
        return self.tasks()[self.book_of(alert).key]

    def book_of(self, alert: Alert) -> AlertTask:
        with self.rig.deps() as deps, deps.store.read() as c:
            (found,) = alert_tasks.of_alerts(c, "default", [alert.id])[alert.id]
        return found

    def edit_task(self, alert: Alert, **values: str) -> None:
        self.rig.person("edit", object="tasks", id=self.task(alert)["hs_object_id"], properties=values)

    def delete_task(self, alert: Alert) -> None:
        self.rig.person("archive", object="tasks", id=self.task(alert)["hs_object_id"])

    def created(self) -> list[str]:
        """Ids of all tasks that were ever made, as the portal's journal has it."""
        return [str(one["id"]) for one in self.rig.journal() if (one["action"], one["object"]) == ("create", "tasks")]

    def times_made(self, alert: Alert) -> int:
        """How often a task was made under the key of an alert, whatever became of it."""
        key = self.book_of(alert).key
        found = [one for one in self.rig.journal() if one["object"] == "tasks" and one.get("property") == KEY]
        return sum(1 for one in found if one["new"] == key)

    def task_writes(self, since: int = 0) -> int:
        """Values of tasks that were written through the API."""
        return sum(1 for one in self.rig.ours(since=since) if one["object"] == "tasks")

    def sound(self, *, quiet: bool = True) -> None:
        """Let the checker look at everything, the tasks among it."""
        assert_sound(self.rig, quiet=quiet)


@contextmanager
def tasked(folder: Path, store: str | None = None, *, alerts: Any = ("band_drop",), **options: Any) -> Iterator[Tasked]:
    with rig(folder, store=store, synced=True, **{"accounts": 12, **options}) as made:
        yield Tasked(made, alerts)
