"""Reading a range of dates again: window by window, resumable at every page, stepping aside for the schedule.

Rows go the way of a pull's, except that what the store has of them is not relied on: each takes a new number, so that
its links are read and it is normalised again as well. A backfill moves no cursor and marks nothing gone that it did
not see; where the increments stand is none of its business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from connectors.base import Connector, Page, Stream, Window
from connectors.errors import BadAnswer, ConnectorError, QuotaExhausted
from store import backfills, epochs, raw
from store.backfills import Job
from store.plans import Plan
from sync import windows
from sync.checks import check_plan
from sync.errors import IncompletePull
from sync.events import BackfillMoved
from sync.faults import fp
from sync.keeper import Keeper
from sync.normalise import normalise_all
from sync.pull import check_identities, pull_streams
from sync.pull_records import closed, prove, store_rows
from sync.ranges import Range, asked_range, find_streams
from sync.report import BackfillLine
from sync.session import Session
from sync.turns import in_turns
from sync.windows import Measure

AGAIN = "The same command goes on from there."


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """What a user asked for: streams (`companies`, `hubspot:companies`) and days in the tenant's time zone.

    `until` is the last day that is read, None for up to now. `restart` forgets how far an earlier one came.
    """

    streams: Sequence[str]
    since: date
    until: date | None = None
    restart: bool = False


@dataclass(slots=True)
class Target:
    """One stream on its way: `began` is its job as this process found it, `seconds` how long it read.

    `carry` is what the window before left for the next one.
    """

    connector: Connector
    stream: Stream
    job: Job
    began: Job
    seconds: float = 0.0
    carry: str | None = None

    @property
    def name(self) -> str:
        """Connection and stream, as messages say it."""
        return f"{self.connector.name} {self.stream.name}"

    def progress(self) -> windows.Progress:
        """How far it is."""
        return windows.progress(self.job, Measure(self.began, self.seconds))


def backfill(session: Session, options: BackfillOptions, judge: Callable[[Session], Plan | None]) -> None:
    """Read the range of each stream, then let `judge` evaluate and plan anew; writes nothing to a CRM.

    Raises `UsageError` for a range or a stream that makes no sense, `IncompletePull` when a connection fails.
    """
    asked = asked_range(session, options.since, options.until)
    try:
        check_identities(session)
        found = find_streams(session, options.streams)
        session.opening = {name: one.usage().requests for name, one in session.deps.connectors.items()}
        targets = [_target(session, connector, stream, asked, restart=options.restart) for connector, stream in found]
        _carry_out(session, targets, judge)
    except QuotaExhausted as error:
        raise _spared(error) from error


def _carry_out(session: Session, targets: Sequence[Target], judge: Callable[[Session], Plan | None]) -> None:
    try:
        in_turns(session, lambda: _work(session, targets, judge))
    finally:
        session.report.backfill = [_line(target) for target in targets]


def _target(session: Session, connector: Connector, stream: Stream, asked: Range, *, restart: bool) -> Target:
    """Go on with the job of this range, or begin one."""
    ws, now = session.ws, session.deps.clock.now()
    with session.write() as c:
        if restart:
            backfills.drop(
                c, ws, connector.name, stream.name, since=asked.since, asked_until=asked.asked_until, now=now
            )
        job = backfills.unfinished(c, ws, connector.name, stream.name, since=asked.since, asked_until=asked.asked_until)
    if job is None:
        expected = connector.count(stream, Window(since=asked.since, until=asked.until))
        with session.write() as c:
            job = backfills.begin(
                c, ws, connector.name, stream.name,
                since=asked.since, until=asked.until, asked_until=asked.asked_until, expected=expected, now=now,
            )  # fmt: skip
    elif job.pages:
        session.note(f"{connector.name}: going on with {stream.name}: {_standing(job)}", connector.name)
    return Target(connector, stream, job, began=job)


def _work(session: Session, targets: Sequence[Target], judge: Callable[[Session], Plan | None]) -> None:
    session.enter("pull")
    for read in (_read, _read_links):  # links when all records that they may lead to are there
        for target in targets:
            try:
                read(session, target)
            except ConnectorError as error:
                raise _incomplete(target, error) from error
    session.enter("normalise")
    normalise_all(session)
    plan = judge(session)
    with session.write() as c:
        backfills.finish(c, session.ws, [target.job.id for target in targets], session.deps.clock.now())
        for target in targets:
            target.job = backfills.get(c, target.job.id)
    if plan is not None:
        check_plan(session, plan)


def _read(session: Session, target: Target) -> None:
    """Read what is left of a range."""
    name, stream = target.connector.name, target.stream.name
    session.report.stream(name, stream).mode = "backfill"
    width = windows.FIRST
    while target.job.state == "reading":
        target.job = windows.opened(target.job, width)
        width = _read_window(session, target)
    with session.deps.store.read() as c:
        session.report.stream(name, stream).live = raw.count_live(c, session.ws, name, stream)


def _read_window(session: Session, target: Target) -> timedelta:
    """Read the open window to its end; returns how wide the next one should be."""
    job, clock = target.job, session.deps.clock
    begins = job.window_since or job.since
    # A list of archived records without dates is read once: by the window that comes last, since the range began.
    archived: Literal["none", "all"] = "none" if begins > job.since else "all"
    window = Window(begins, job.reached, job.position, target.carry, archived)
    with session.deps.store.read() as c:
        epoch_id = _epoch_id(c, session.ws, job)
    keeper = Keeper.of(session, target.connector.name, target.stream)
    since = clock.monotonic()
    with closed(target.connector.pages(target.stream, window)) as pages:
        for page in pages:
            fp("pull.page_read")
            brought = target.job.window_rows + len(page.records)
            if page.complete:
                prove(target.stream.name, brought, page, "--restart")
            _keep(session, target, epoch_id, page, keeper)
            fp("pull.page_stored")
            moment = clock.monotonic()
            target.seconds, since = target.seconds + moment - since, moment
            _tell(session, target)
            session.deps.stop.check()
            if page.complete:
                return windows.next_width(job.reached - begins, brought)
    raise BadAnswer(f"{target.stream.name} ended without saying that it was complete.", hint="Run again.")


def _epoch_id(c: Connection, ws: str, job: Job) -> int:
    """The epoch that rows are seen by: one that is open must not take them for gone when it is sealed."""
    for epoch in epochs.open_epochs(c, ws):
        if (epoch.connection, epoch.stream) == (job.connection, job.stream):
            return epoch.id
    sealed = epochs.latest_sealed(c, ws, job.connection, job.stream)
    return sealed.id if sealed is not None else 0


def _keep(session: Session, target: Target, epoch_id: int, page: Page, keeper: Keeper) -> None:
    """Store a page and where the job stands after it, in one transaction under all leases."""
    after = windows.paged(target.job, page.position, len(page.records))
    after = windows.closed(after) if page.complete else after
    versions = raw.Versions.of(keeper.page(page).records)
    with session.write() as c:
        _store(session, c, target, epoch_id, page, versions)
        backfills.save(c, after)
    target.job = after
    target.carry = page.carry if page.complete else target.carry


def _store(session: Session, c: Connection, target: Target, epoch_id: int, page: Page, versions: raw.Versions) -> None:
    connection, stream = target.connector.name, target.stream.name
    as_stored = raw.distrust(c, session.ws, connection, stream, versions)
    store_rows(session, c, connection, stream, epoch_id, page, versions)
    counts = session.report.stream(connection, stream)
    counts.updated -= as_stored
    counts.unchanged += as_stored


def _tell(session: Session, target: Target) -> None:
    job, progress = target.job, target.progress()
    session.deps.observer(
        BackfillMoved(
            job.connection, job.stream, job.rows, job.expected, progress.done, progress.seconds_left, progress.basis
        )
    )


def _read_links(session: Session, target: Target) -> None:
    """The links of the records that were read: their numbers are new, so an increment of the links finds them."""
    wanted = [one for one in target.connector.streams() if one.ids_from == target.stream.name]
    pull_streams(session, target.connector, wanted)


def _incomplete(target: Target, error: ConnectorError) -> IncompletePull:
    cause = _spared(error) if isinstance(error, QuotaExhausted) else error
    message = f"{target.name}: {error.message} {_standing(target.job)}."
    return IncompletePull(message, cause=cause, hint=cause.hint or AGAIN)


def _spared(error: QuotaExhausted) -> QuotaExhausted:
    hint = f"A backfill leaves `policy.backfill_reserve` of each quota to the schedule and to other apps. {AGAIN}"
    return QuotaExhausted(error.message, resets_in=error.resets_in, hint=hint)


def _standing(job: Job) -> str:
    """How far a job is, in words."""
    if job.state != "reading":
        return f"all of its {job.rows} rows are read"
    return f"{job.rows} rows are read, everything since {_day(job.reached)}; the range begins at {_day(job.since)}"


def _day(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes").replace("+00:00", "Z")


def _line(target: Target) -> BackfillLine:
    job, progress = target.job, target.progress()
    left = progress.seconds_left
    return BackfillLine(
        connection=job.connection,
        stream=job.stream,
        state=job.state,
        since=_day(job.since),
        until=_day(job.until),
        reached=_day(job.reached),
        windows=job.windows,
        rows=job.rows,
        expected=job.expected,
        done=None if progress.done is None else round(progress.done, 3),
        seconds_left=None if left is None else round(left),
        basis=progress.basis,
    )
