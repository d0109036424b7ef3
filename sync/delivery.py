"""Sends what is in the outbox: every channel beside the others, its messages one after the other, all in little time.

Senders work in threads of their own and know nothing of the store: each message is claimed and settled here. A receiver
that hangs keeps its thread, which nobody waits for, and its message counts as one whose answer was lost.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from config.describe import secret_values
from connectors.clock import Clock
from connectors.http import Deadline
from connectors.redact import Redactor
from mapping.notification_life import Delivered, Later, Lost, Outcome, claim, settle
from notify.http import TOTAL
from notify.news import Item, Message, Sender
from notify.registry import sender
from notify.settings import Channel
from notify.when import digest_due, is_quiet
from store import notifications
from store.errors import StateConflict
from store.notifications import Notice
from store.sql import pages
from sync import news
from sync.deps import Deps

BUDGET = 20.0
"""Seconds that all channels together get after a run."""
ONE_BY_ONE = 5
"""So many changes are sent as messages of their own; when more are due at once, they go out as one."""
MOST_IN_WORDS = 500
"""So many changes of a message are put into words. A person is shown some of them and told how many more there are; a
program needs all, so that a message to a webhook has no more."""
NO_CHANNEL = "the configuration has no such channel any more"
Senders = Callable[[Channel, Clock], Sender]
Spawn = Callable[[Callable[[], None]], None]


@dataclass(slots=True)
class Sent:
    """What a delivery came to: rows sent and given up, and by channel what went wrong last."""

    sent: int = 0
    given_up: int = 0
    problems: dict[str, str] = field(default_factory=dict)


def in_a_thread(work: Callable[[], None]) -> None:
    """Do something in a thread that does not keep the process alive."""
    threading.Thread(target=work, name="notify", daemon=True).start()


def deliver(
    deps: Deps, *, senders: Senders = sender, spawn: Spawn = in_a_thread, budget: float = BUDGET, at_once: bool = False
) -> Sent:
    """Send everything that is due, within `budget` seconds; `at_once` also what waits for its next attempt."""
    now = deps.clock.now()
    _take_up_the_lost(deps, now)
    with deps.store.read() as c:
        waiting = [one for one in notifications.unsettled(c, deps.workspace) if one.life.state == "waiting"]
    done = Sent()
    channels = deps.settings.notifications.channels
    homeless = [one for one in waiting if one.channel not in channels]
    if homeless:
        _give_up(deps, homeless, now, done)
    posts = {}
    for name, channel in channels.items():
        theirs = [one for one in waiting if one.channel == name]
        messages = _messages(theirs, channel, now, ZoneInfo(deps.settings.timezone), at_once=at_once)
        if messages:
            posts[name] = deque(messages)
    if posts:
        _Post(deps, posts, senders, spawn, budget, done).run()
    return done


def try_out(deps: Deps, name: str, *, senders: Senders = sender) -> Outcome:
    """Send a test message to a channel at once, beside the outbox; its answer says whether it arrived."""
    one = senders(deps.settings.notifications.channels[name], deps.clock)
    outcome = one.send(_message(deps, deps.new_id(), [news.TEST]), Deadline(deps.clock, TOTAL))
    return _told(deps, outcome)


def _take_up_the_lost(deps: Deps, now: datetime) -> None:
    """What a process was sending that is gone may have arrived: it is settled as such."""
    ws = deps.workspace
    with deps.store.write() as c:
        silent = [one for one in notifications.unsettled(c, ws) if one.life.silent(now)]
        lost = Lost("whoever was sending it ended before the answer came")
        rows = [(one.id, settle(one.life, lost, now, repeatable=_repeatable(deps, one.channel))) for one in silent]
        notifications.move(c, ws, "sending", rows)


def _repeatable(deps: Deps, name: str) -> bool:
    channel = deps.settings.notifications.channels.get(name)
    return channel is not None and channel.type == "webhook"


def _give_up(deps: Deps, rows: Iterable[Notice], now: datetime, done: Sent) -> None:
    with deps.store.write() as c:
        over = [(one.id, replace(one.life, state="given_up", settled_at=now, error=NO_CHANNEL)) for one in rows]
        notifications.move(c, deps.workspace, "waiting", over)
    done.given_up += len(over)
    done.problems |= {one.channel: NO_CHANNEL for one in rows}


def _messages(
    waiting: Sequence[Notice], channel: Channel, now: datetime, zone: ZoneInfo, *, at_once: bool
) -> list[list[Notice]]:
    """What may go out now, by message: rows of an earlier attempt stay together, so that a receiver recognises it."""
    hours = channel.quiet_hours
    quiet = is_quiet(hours, now, zone)

    def may_go(rows: Sequence[Notice]) -> bool:
        due = at_once or all(one.life.due(now) for one in rows)
        passes = hours is not None and hours.critical_passes and any(one.critical for one in rows)
        return due and (not quiet or passes)

    earlier: dict[str, list[Notice]] = {}
    for one in waiting:
        if one.message is not None:
            earlier.setdefault(one.message, []).append(one)
    fresh = [
        one
        for one in waiting
        if one.message is None and may_go([one]) and (at_once or digest_due(channel, one.noted_at, now, zone))
    ]
    found = [rows for rows in earlier.values() if may_go(rows)]
    if channel.send == "immediate" and len(fresh) <= ONE_BY_ONE:
        return [*found, *([one] for one in fresh)]
    fresh.sort(key=lambda one: not one.critical)
    most = MOST_IN_WORDS if channel.type == "webhook" else max(1, len(fresh))
    return [*found, *(list(page) for page in pages(fresh, most))]


class _Post:
    """One delivery while it is under way: what each channel still has to get, and what it is being sent."""

    def __init__(
        self,
        deps: Deps,
        posts: Mapping[str, deque[list[Notice]]],
        senders: Senders,
        spawn: Spawn,
        budget: float,
        done: Sent,
    ) -> None:
        self._deps, self._posts, self._senders, self._spawn, self._done = deps, posts, senders, spawn, done
        self._deadline = Deadline(deps.clock, budget)
        self._answers: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        self._made: dict[str, Sender] = {}
        self._sending: dict[str, list[Notice]] = {}

    def run(self) -> None:
        for name in self._posts:
            self._next(name)
        while self._sending:
            try:
                name, outcome = self._answers.get(timeout=self._deadline.left())
            except queue.Empty:
                break
            self._settle(name, outcome)
            if isinstance(outcome, Delivered):
                self._next(name)
        for name in list(self._sending):
            self._settle(name, Lost(f"no answer within {self._deadline.seconds:g} s"))

    def _next(self, name: str) -> None:
        """Send a channel its next message, unless there is none, or no time."""
        post = self._posts[name]
        while post and self._deadline.left() > 0:
            message = self._claimed(name, post.popleft())
            if message is not None:
                self._spawn(partial(self._work, name, message, first=name not in self._made))
                return

    def _claimed(self, name: str, rows: list[Notice]) -> Message | None:
        """Enter that rows are being sent, then put them into words; None when another process sends them."""
        deps, now = self._deps, self._deps.clock.now()
        key = rows[0].message or deps.new_id()
        try:
            with deps.store.write() as c:
                notifications.claim(c, deps.workspace, key, [one.id for one in rows], now)
                items = news.items(c, deps, rows[:MOST_IN_WORDS])
        except StateConflict:
            return None
        self._sending[name] = [replace(one, message=key, life=claim(one.life, now)) for one in rows]
        return _message(deps, key, items, total=len(rows), critical=sum(one.critical for one in rows))

    def _work(self, name: str, message: Message, *, first: bool) -> None:
        """What the thread of a channel does; whatever happens, it answers."""
        try:
            if first:
                self._made[name] = self._senders(self._deps.settings.notifications.channels[name], self._deps.clock)
            made = self._made[name]
        except (OSError, ValueError) as error:
            self._answers.put((name, Later(f"the channel cannot be set up: {error}")))
            return
        try:
            if not first:
                self._deps.sleep(made.pace)
            seconds = min(TOTAL, self._deadline.left())
            self._answers.put((name, made.send(message, Deadline(self._deps.clock, seconds))))
        except Exception as error:  # noqa: BLE001 - a thread has nobody who would catch it
            self._answers.put((name, Lost(f"unexpected {type(error).__name__}")))

    def _settle(self, name: str, outcome: Outcome) -> None:
        deps, rows = self._deps, self._sending.pop(name)
        outcome = _told(deps, outcome)
        made = self._made.get(name)
        lives = [
            settle(one.life, outcome, deps.clock.now(), repeatable=made is not None and made.repeatable) for one in rows
        ]
        with deps.store.write() as c:
            ids = [one.id for one in rows]
            notifications.move(c, deps.workspace, "sending", zip(ids, lives, strict=True))
        self._done.sent += sum(life.state == "sent" for life in lives)
        self._done.given_up += sum(life.state == "given_up" for life in lives)
        if not isinstance(outcome, Delivered):
            self._done.problems[name] = outcome.reason


def _message(deps: Deps, key: str, items: Sequence[Item], *, total: int = 1, critical: int = 0) -> Message:
    return Message(key, deps.workspace, items, int(deps.clock.now().timestamp()), total, critical)


def _told(deps: Deps, outcome: Outcome) -> Outcome:
    """An outcome whose words, which may quote the receiver, hold no secret."""
    clean = Redactor(secret_values(deps.settings))
    if isinstance(outcome, Delivered):
        return Delivered(clean(outcome.remark))
    return replace(outcome, reason=clean(outcome.reason))
