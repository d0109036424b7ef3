"""After a run: tells people what it brought, in bounded time, without a say in how the run ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from mapping.notification_life import Delivered, again
from mapping.spelling import nearest
from store import marks, notifications, runs
from store.errors import StoreError
from store.notifications import Notice
from sync.delivery import Sent, deliver, try_out
from sync.deps import Deps, RunOptions
from sync.errors import UsageError
from sync.events import NewsTold, Noted
from sync.moment import is_over
from sync.notices import MARK, note_alerts, note_runs
from sync.report import NewsCounts, RunReport

LIST = "`keepwell notify list --state given_up` shows what was given up"


@dataclass(frozen=True, slots=True)
class Told:
    """What telling came to; `problems` are by channel what went wrong."""

    counts: NewsCounts
    problems: dict[str, str]


Deliver = Callable[[Deps], Sent]


def tell_after(
    deps: Deps, run: Callable[[], RunReport], options: RunOptions | None = None, *, send: Deliver = deliver
) -> RunReport:
    """Do a run, then tell people; the report says what became of that, and its exit code stays what it was.

    A run that a bug ended is told as well, before the bug goes its way. After a run for a day that is over nothing is
    entered about alerts, as it changes none.
    """
    looks_back = options is not None and is_over(deps, options)
    try:
        report = run()
    except Exception:
        _quietly(deps, None, looks_back=looks_back, send=send)
        raise
    _quietly(deps, report, looks_back=looks_back, send=send)
    return report


def tell(deps: Deps, *, looks_back: bool = False, max_age: float | None = None, send: Deliver = deliver) -> Told:
    """Enter what is news and send what is due; with `max_age` (seconds) also tell that no run went well for so long.

    Raises `UsageError` for a `max_age` when no route would let anybody hear of it.
    """
    if max_age is not None and not any("never_ran" in one.runs for one in deps.settings.notifications.routes):
        raise UsageError(
            "No route has `never_ran` under `runs`: nobody would hear that no run came to its end.",
            hint="Add it to a route under `notifications.routes`, or leave --max-age out.",
        )
    if not deps.settings.notifications.channels:
        with deps.store.read() as c:
            if not marks.mark(c, deps.workspace, MARK):  # nobody is told anything, nor was anybody before
                return Told(NewsCounts(), {})
    now = deps.clock.now()
    with deps.store.write() as c:
        noted = 0 if looks_back else note_alerts(c, deps, now)
        noted += note_runs(c, deps, now, max_age=max_age)
    sent = send(deps)
    with deps.store.read() as c:
        waiting = len(notifications.unsettled(c, deps.workspace))
    counts = NewsCounts(noted, sent.sent, sent.given_up, waiting)
    deps.observer(NewsTold(**asdict(counts)))
    for name, problem in sorted(sent.problems.items()):
        deps.observer(Noted(f"notifications: {name}: {problem}"))
    return Told(counts, sent.problems)


def try_channel(deps: Deps, name: str) -> str | None:
    """Send a test message to a channel; what went wrong, or None. Raises `UsageError` when there is no such channel."""
    known = sorted(deps.settings.notifications.channels)
    if name not in known:
        close = nearest(name, known)
        hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known) or 'none'}."
        raise UsageError(f"There is no channel {name!r} under `notifications.channels`.", hint=hint)
    outcome = try_out(deps, name)
    return None if isinstance(outcome, Delivered) else outcome.reason


def retry(deps: Deps, number: int | None) -> list[Notice]:
    """Let what was given up be tried from the beginning, all of it or the message that one row belongs to.

    Raises `UsageError` when nothing with that number was given up.
    """
    with deps.store.write() as c:
        over = notifications.listed(c, deps.workspace, ["given_up"])
        asked = [one for one in over if number in (None, one.id)]
        if not asked and number is not None:
            raise UsageError(f"No notification {number} was given up.", hint=f"{LIST}.")
        together = {one.message for one in asked if one.message is not None}
        chosen = [one for one in over if one in asked or one.message in together]
        now = deps.clock.now()
        notifications.move(c, deps.workspace, "given_up", [(one.id, again(one.life, now)) for one in chosen])
    return chosen


def _quietly(deps: Deps, report: RunReport | None, *, looks_back: bool, send: Deliver) -> None:
    """Tell people, and let nothing of it come back but a line in the report."""
    try:
        told = tell(deps, looks_back=looks_back, send=send)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a run has ended, and stays what it was
        problem = str(error) if isinstance(error, StoreError) else f"unexpected {type(error).__name__}"
        note = f"Notifications were not sent: {problem}; the next run sends them."
        deps.observer(Noted(note))
        if report is not None:
            report.notes.append(note)
        return
    if report is None:
        return
    report.notifications = told.counts
    report.notes += [f"notifications: {name}: {problem}" for name, problem in sorted(told.problems.items())]
    if told.counts != NewsCounts() or told.problems:
        try:
            with deps.store.write() as c:
                runs.amend(c, deps.workspace, report.run_id, report.to_dict())
        except StoreError as error:
            report.notes.append(f"The store does not know what became of the notifications: {error}")
