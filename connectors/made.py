"""The part of the contract that is about records which Keepwell makes: tasks of alerts, entries on timelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connectors.base import FieldProvisioner, Records
from connectors.tasks import TaskSettings


class Tasks(Records, Protocol):
    """Tasks of a CRM, each addressed by the key that Keepwell gave it: the id of their refs is that key.

    A batch is all of new records or all of others. A new record whose key is there already is `in_doubt`, never made
    twice. `names` are the CRM's properties by the neutral name of a field (`mapping.tasks`); `whole_days` where a task
    is due on a day rather than at an instant, `always_due` where it has to be due. Where the CRM does not hold keys to
    be unique, a request whose answer was lost is taken for undone only `settles_after` so many seconds.
    """

    object_name: str
    names: Mapping[str, str]
    whole_days: bool
    always_due: bool
    settles_after: float

    @property
    def settings(self) -> TaskSettings:
        """Which alerts become tasks, and whose."""
        ...

    def fallback_owner(self) -> str | None:
        """Whose task it is where nobody is known, by the CRM's own id; None where it may be nobody's."""
        ...

    def fields(self) -> FieldProvisioner:
        """The one property that tasks lack: the unique key."""
        ...

    def write_cost(self, made: int, changed: int, read_back: int = 0) -> int:
        """API calls that making and changing so many tasks takes, guard reads and read-back included."""
        ...


class Entries(Records, Protocol):
    """Entries on the timelines of customers, each addressed by the key that Keepwell gave it; they are only made.

    A new entry whose key is there already is `in_doubt`, never made twice. `names` are the CRM's properties by the
    neutral name of a field (`mapping.entries`), `author` and `kind` what the configuration says of every entry.
    """

    object_name: str
    names: Mapping[str, str]
    author: str
    kind: str

    def lacking(self) -> tuple[str, ...]:
        """What keeps entries from being made at all: properties that the CRM does not have; costs a call or none."""
        ...

    def write_cost(self, made: int, read_back: int = 0) -> int:
        """API calls that making so many entries takes, guard reads and read-back included."""
        ...
