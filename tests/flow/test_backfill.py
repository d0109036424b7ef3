"""`backfill`: a range of dates is read again, whatever the store has of it, and the rest stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from sandbox.hubspot.state import HubSpotOptions
from store import cursors, epochs
from store.tables import ENTITY_TABLES, raw_link, raw_record
from sync import faults
from sync.backfill import BackfillOptions
from sync.deps import RunOptions
from sync.engine import run_backfill, run_pull
from sync.events import BackfillMoved
from sync.report import RunReport
from sync.stop import Stop
from tests.flow.rig import Rig, rig

EVER = date(2024, 1, 1)
Rows = dict[tuple[str, str, str], tuple[Any, bool]]


def backfill(
    made: Rig, *streams: str, since: date = EVER, until: date | None = None, restart: bool = False, **others: Any
) -> RunReport:
    wanted = BackfillOptions(streams, since, until, restart)
    return made.run(lambda deps: run_backfill(deps, wanted), behind=True, **others)


def rows(made: Rig) -> Rows:
    """What the store has of the CRMs' records, by (connection, stream, id); of dead ones only that they are dead."""
    r = raw_record.c
    with made.deps() as deps, deps.store.read() as c:
        found = c.execute(select(r.connection, r.stream, r.id, r.payload, r.gone | r.archived)).all()
    return {(one[0], one[1], one[2]): (None if one[4] else one[3], bool(one[4])) for one in found}


def derived(made: Rig) -> list[Any]:
    """Accounts and deals as they were normalised, and the links."""
    with made.deps() as deps, deps.store.read() as c:
        tables = [ENTITY_TABLES["account"], ENTITY_TABLES["deal"]]
        found = [sorted(map(tuple, c.execute(select(table))), key=str) for table in tables]
        links = c.execute(select(raw_link.c.kind, raw_link.c.from_id, raw_link.c.to_id)).all()
    return [*found, sorted(map(tuple, links))]


def cursors_of(made: Rig) -> Mapping[str, object]:
    with made.deps() as deps, deps.store.read() as c:
        names = [(name, one.name) for name, crm in deps.connectors.items() for one in crm.streams()]
        return {f"{name} {stream}": cursors.cursor(c, "default", name, stream) for name, stream in names}


def damage(made: Rig) -> None:
    """Lose some records, alter others behind their hashes, and lose what was made of them."""
    r, deal = raw_record.c, ENTITY_TABLES["deal"]
    with made.deps() as deps, deps.store.write() as c:
        for stream in ("companies", "accounts", "deals"):
            ids = list(c.execute(select(r.id).where(r.stream == stream).order_by(r.id)).scalars())
            c.execute(delete(raw_record).where(r.stream == stream, r.id.in_(ids[::3])))
            altered = (r.stream == stream) & r.id.in_(ids[1::3])
            c.execute(update(raw_record).where(altered).values(payload={"name": "altered"}))
        c.execute(delete(deal).where(deal.c.connection == "hubspot"))
        c.execute(delete(raw_link).where(raw_link.c.kind == "deals>companies"))


def test_what_was_lost_or_altered_is_healed_and_no_cursor_moves(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, salesforce=True, store=either_store) as made:
        assert made.run(run_pull).status == "complete"
        before, made_of_it, at = rows(made), derived(made), cursors_of(made)
        damage(made)
        assert rows(made) != before

        report = backfill(made, "companies", "deals", "salesforce:accounts")

        assert (report.status, report.exit_code) == ("complete", 0), report.reason
        assert rows(made) == before
        assert derived(made) == made_of_it
        assert cursors_of(made) == at
        counts = report.pull["hubspot"]["companies"]
        assert counts.mode == "backfill"
        assert counts.inserted > 0
        assert counts.updated > 0
        assert counts.read == counts.inserted + counts.updated + counts.unchanged
        assert [(one.stream, one.state, one.done) for one in report.backfill] == [
            ("companies", "done", 1.0), ("deals", "done", 1.0), ("accounts", "done", 1.0)
        ]  # fmt: skip
        assert made.ours() == [], "a backfill writes nothing"
        assert report.plan is not None
        assert made.sync().buckets().confirmed == report.plan.total("changes") > 0


def test_only_the_range_is_read_newest_first_and_what_was_archived_is_read_once(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=40) as made:
        made.run(run_pull)
        stamps = sorted(
            one.values["hs_lastmodifieddate"] for one in made.crm.hubspot.portal.stores["companies"].live.values()
        )
        first, last = date.fromisoformat(stamps[5][:10]), date.fromisoformat(stamps[-5][:10])
        inside = [one for one in stamps if first.isoformat() <= one[:10] <= last.isoformat()]
        routes = made.crm.hubspot.stats.by_route.copy()

        report = backfill(made, "companies", since=first, until=last)

        (line,) = report.backfill
        asked = made.crm.hubspot.stats.by_route - routes
        assert asked["POST /crm/v3/objects/companies/search"] == line.windows + 1 > 2, "one counts"
        assert asked["GET /crm/v3/objects/companies"] == 1
        archived = report.pull["hubspot"]["companies"].deleted
        assert line.rows == len(inside) + archived
        assert line.expected == len(inside)
        assert (line.since, line.until) == (f"{first}T00:00Z", f"{last + timedelta(days=1)}T00:00Z")
        moved = [one for one in made.events.of(BackfillMoved) if isinstance(one, BackfillMoved)]
        assert [one.rows for one in moved] == sorted(one.rows for one in moved)


def test_a_full_read_that_is_still_open_does_not_take_the_rows_of_a_backfill_for_gone(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=130) as made:
        assert made.run(run_pull).status == "complete"
        before = rows(made)
        stop = Stop()
        faults.arm(lambda name: stop.ask("enough") if name == "pull.page_stored" else None)
        with made.deps() as deps:
            assert run_pull(replace(deps, stop=stop), RunOptions(full=True)).status == "interrupted"
        faults.arm(None)
        with made.deps() as deps, deps.store.read() as c:
            assert "companies" in {one.stream for one in epochs.open_epochs(c, "default")}
        assert backfill(made, "companies").status == "complete"
        report = made.run(run_pull)
        assert report.status == "complete"
        assert report.pull["hubspot"]["companies"].mode == "full"
        assert rows(made) == before


def test_a_store_that_was_never_filled_is_not_evaluated(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        report = backfill(made, "companies")
        assert report.status == "complete"
        assert report.plan is None
        assert report.accounts == 0
        assert any("keepwell sync" in note and "hubspot deals" in note for note in report.notes)
        assert made.sync().status == "complete"


def test_the_end_is_now_or_the_end_of_a_day_that_has_been(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        today = datetime.now(UTC).date()
        for until in (None, today):
            (line,) = backfill(made, "companies", until=until).backfill
            assert datetime.fromisoformat(line.until) <= datetime.now(UTC)
            assert datetime.now(UTC) - datetime.fromisoformat(line.until) < timedelta(minutes=5)
        (line,) = backfill(made, "companies", since=today - timedelta(days=1), until=today - timedelta(days=1)).backfill
        assert (line.since[:10], line.until[:10]) == (str(today - timedelta(days=1)), str(today))


@pytest.mark.parametrize(
    ("streams", "since", "until", "words"),
    [
        (("compnies",), EVER, None, "no stream 'compnies'. Known: hubspot:companies, hubspot:deals"),
        (("salesforce:companies",), EVER, None, "no stream 'salesforce:companies'. Known:"),
        (("owners",), EVER, None, "has no dates. Every run reads it whole"),
        (("deals>companies",), EVER, None, "have no dates. They are read again along with their records: backfill"),
        (("companies",), date(2026, 3, 2), date(2026, 3, 1), "--until 2026-03-01 is before --since 2026-03-02"),
        (("companies",), date(9999, 12, 31), None, "--since 9999-12-31 has not come yet"),
        (("companies",), EVER, date(9999, 12, 31), "--until 9999-12-31 has not come yet. Leave --until out"),
        (("companies",), date(1, 1, 1), None, "--since 0001-01-01 is too long ago. Begin at 1970-01-02"),
    ],
)
def test_a_request_that_makes_no_sense_says_what_to_type(
    nonsense: Rig, streams: tuple[str, ...], since: date, until: date | None, words: str
) -> None:
    report = backfill(nonsense, *streams, since=since, until=until)
    assert (report.status, report.exit_code) == ("failed", 2)
    assert words in f"{report.reason} {report.hint}"
    assert report.backfill == []


@pytest.fixture(scope="module")
def nonsense(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with rig(tmp_path_factory.mktemp("nonsense"), provision=False) as made:
        yield made


def test_a_name_that_several_connections_have_must_say_which(tmp_path: Path) -> None:
    with rig(tmp_path, provision=False) as made:
        again = made.settings.connections["hubspot"]
        made.settings = made.settings.model_copy(update={"connections": {"hubspot": again, "second": again}})
        report = backfill(made, "companies")
        assert report.exit_code == 2
        assert "Say which: hubspot:companies or second:companies" in f"{report.hint}"
        assert backfill(made, "second:companies").status == "complete"


def test_a_stop_keeps_what_is_read_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=40) as made:
        made.run(run_pull)
        stopped = interrupted(made)
        assert (stopped.status, stopped.exit_code) == ("interrupted", 130)
        (line,) = stopped.backfill
        assert (line.state, line.windows) == ("reading", 2)
        other = backfill(made, "companies", since=date(2024, 1, 2))
        assert other.status == "complete"
        assert not any("going on" in note for note in other.notes), "another range is another job"
        report = backfill(made, "companies")
        assert report.status == "complete"
        assert any("going on with companies" in note for note in report.notes)
        assert report.backfill[0].until == line.until, "the end stays where it was when the job began"
        assert report.backfill[0].windows > 2
        assert report.pull["hubspot"]["companies"].read <= report.backfill[0].rows


def test_restart_begins_anew(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=40) as made:
        made.run(run_pull)
        interrupted(made)
        report = backfill(made, "companies", restart=True)
        assert report.status == "complete"
        assert not any("going on" in note for note in report.notes)
        assert report.pull["hubspot"]["companies"].read == report.backfill[0].rows


def interrupted(made: Rig) -> RunReport:
    """A backfill that is asked to stop after its second window."""
    stop = Stop()

    def hook(name: str) -> None:
        if name == "pull.page_stored" and len(made.events.of(BackfillMoved)) >= 3:
            stop.ask("enough")

    faults.arm(hook)
    try:
        with made.deps(behind=True) as deps:
            return run_backfill(replace(deps, stop=stop), BackfillOptions(("companies",), EVER))
    finally:
        faults.arm(None)


def test_the_daily_quota_is_left_to_the_schedule_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=40, hubspot_options=HubSpotOptions(daily=1_000)) as made:
        made.run(run_pull)
        reports: list[RunReport] = []
        while not reports or reports[-1].status == "deferred":
            assert len(reports) < 20
            allowed = spent_today(made) + 20
            leave(made, 1 - allowed / 1_000)
            reports.append(backfill(made, "companies", "deals"))
            assert spent_today(made) <= allowed
        *deferred, last = reports
        assert deferred
        for report in deferred:
            assert report.exit_code == 75
            assert "backfill_reserve" in f"{report.hint}"
        assert "the range begins at 2024-01-01" in f"{deferred[0].reason}"
        assert last.status == "complete", last.reason
        read = sum(one.stream("hubspot", name).read for one in reports for name in ("companies", "deals"))
        assert read == sum(line.rows for line in last.backfill), "nothing is read twice"
        leave(made, 0.999)
        assert made.run(run_pull).status == "complete", "the schedule has its own share"


def leave(made: Rig, share: float) -> None:
    """Set `policy.backfill_reserve`."""
    policy = made.settings.policy.model_copy(update={"backfill_reserve": share})
    made.settings = made.settings.model_copy(update={"policy": policy})


def spent_today(made: Rig) -> int:
    return made.crm.hubspot.quota._today
