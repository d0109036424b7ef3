"""Streams of a connection side by side: what one misses, and what its failure does to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.base import Page, Stream, Window
from connectors.errors import ConfigError
from store import raw
from sync import faults
from sync.deps import Deps, RunOptions
from sync.engine import run_pull
from sync.events import Noted, PageStored
from tests.flow.rig import Rig, rig

Pages = Callable[[Stream, Iterator[Page]], Iterator[Page]]


class Bent:
    """A connector whose pages of some streams come differently."""

    def __init__(self, inner: Any, bend: Pages) -> None:
        self._inner, self._bend = inner, bend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def pages(self, stream: Stream, window: Window, ids: Any = ()) -> Iterator[Page]:
        return self._bend(stream, self._inner.pages(stream, window, ids))


def bent(deps: Deps, bend: Pages) -> Deps:
    return replace(deps, connectors={name: Bent(one, bend) for name, one in deps.connectors.items()})


def live(made: Rig, stream: str) -> set[str]:
    with made.deps() as deps, deps.store.read() as c:
        return set(raw.iter_ids(c, deps.workspace, "hubspot", stream))


def test_a_record_that_a_full_read_did_not_show_is_asked_for_before_it_counts_as_gone(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=20, provision=False) as made:
        made.run(run_pull)
        there, purged, *_ = sorted(live(made, "companies"))
        made.person("purge", object="companies", id=purged)

        def missing(stream: Stream, pages: Iterator[Page]) -> Iterator[Page]:
            for page in pages:
                yield replace(page, records=tuple(one for one in page.records if one.id != there))

        with made.deps() as deps:
            report = run_pull(bent(deps, missing), RunOptions(full=True))

        assert report.status == "complete", report.reason
        assert there in live(made, "companies")
        assert purged not in live(made, "companies")
        assert "hubspot: 1 companies that the store holds are not in the CRM any more" in report.notes
        assert set(report.seconds) == {"pull", "normalise"}


def test_a_stream_that_fails_stops_the_others_at_a_page_from_which_the_next_run_goes_on(tmp_path: Path) -> None:
    failed = threading.Event()

    def failing(stream: Stream, pages: Iterator[Page]) -> Iterator[Page]:
        if stream.name == "deals":
            failed.set()
            raise ConfigError("deals cannot be read", hint="mend it")
        for page in pages:
            yield page
            if stream.name == "companies" and not page.complete:
                assert failed.wait(10)
                threading.Event().wait(0.2)  # for the word to get round

    with rig(tmp_path, accounts=260, provision=False) as made:
        with made.deps() as deps:
            report = run_pull(bent(deps, failing))
        assert (report.status, report.exit_code) == ("failed", 2)
        assert "deals cannot be read" in (report.reason or "")
        kept = len(live(made, "companies"))
        assert 0 < kept < len(made.crm.hubspot.portal.stores["companies"].live)

        assert made.run(run_pull).status == "complete"
        told = [event.message for event in made.events.events if isinstance(event, Noted)]
        assert f"hubspot: going on with companies after {kept} rows" in told
        assert live(made, "companies") == {str(one) for one in made.crm.hubspot.portal.stores["companies"].live}


def test_the_next_page_is_read_while_one_is_stored(tmp_path: Path) -> None:
    went_on = threading.Event()
    waited: list[bool] = []

    def watched(stream: Stream, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            yield page
            if stream.name == "companies":
                went_on.set()

    def before_it_is_stored(name: str) -> None:
        if name == "pull.page_read":
            waited.append(went_on.wait(10))

    with rig(tmp_path, accounts=260, provision=False) as made, made.deps() as deps:
        faults.arm(before_it_is_stored)
        try:
            assert run_pull(bent(deps, watched)).status == "complete"
        finally:
            faults.arm(None)
    assert all(waited), "the companies behind the first page are asked for only when that is stored"


def test_a_full_read_tells_about_how_many_rows_it_will_have_once_it_is_known(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=20, provision=False) as made:

        def expected(options: RunOptions) -> set[object]:
            made.events.events.clear()
            made.run(lambda deps: run_pull(deps, options))
            return {getattr(one, "expected", 0) for one in made.events.of(PageStored) if one.stream == "companies"}

        assert expected(RunOptions()) == {None}, "nobody knows in a first read"
        assert expected(RunOptions(full=True)) == {len(live(made, "companies"))}
        assert expected(RunOptions()) == {None}, "an increment has what changed"
