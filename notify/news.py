"""What is told: items (a change of an alert, a run that went wrong), and the messages that carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from connectors.http import Deadline
from mapping.notification_life import Outcome

Kind = Literal["alert", "run", "test"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has to answer; `keys` are what `mentions` may name, in lower case: e-mail address, connection:id."""

    name: str
    email: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news, in words.

    `what` happened (*Opened*), to what (`title`), about whom (`subject`), and why; `facts` are labels with values,
    `command` is what to type next. `data` are the same things for programs, JSON-able. Text may come from a CRM.
    """

    kind: Kind
    change: str
    what: str
    title: str
    subject: str = ""
    why: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    command: str = ""
    critical: bool = False
    owner: Owner | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel; `key` stays the same however often it is sent, `sent_at` is in Unix seconds.

    It is about as many changes as `total` says, of which `items` are the first, those that are critical at the head.
    """

    key: str
    workspace: str
    items: Sequence[Item]
    sent_at: int
    total: int
    critical: int = 0

    @property
    def title(self) -> str:
        """The message in one line."""
        if self.total == len(self.items) == 1:
            (item,) = self.items
            return f"{item.what}: {item.title}" + (f" ({item.subject})" if item.subject else "")
        return f"{self.total} changes" + (f", {self.critical} of them critical" if self.critical else "")


class Sender(Protocol):
    """One way to a receiver.

    `repeatable`: the receiver recognises a message that it has by the message's key. `pace` is how many seconds it
    wants between two messages.
    """

    repeatable: bool
    pace: float

    def send(self, message: Message, deadline: Deadline) -> Outcome:
        """Send one message before the deadline; no failure of the receiver or of the network is raised."""
        ...
