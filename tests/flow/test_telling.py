"""What people are told, and how often: once a change, whatever happens to receivers, processes and settings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from sync.errors import UsageError
from sync.telling import try_channel
from tests.flow.outbox import HOUR, town
from tests.receivers import DROP, HANG, SECRET, Reply


def test_each_change_is_told_once(tmp_path: Path, either_store: str | None) -> None:
    with town(tmp_path, either_store) as it:
        number = it.opened()
        assert it.tell().counts.sent == 1
        assert it.tell(hours=1).counts.noted == 0
        it.escalated(number)
        it.tell()
        it.acknowledged(number)
        it.tell()
        it.resolved(number)
        it.tell()
        it.tell(hours=1)
        assert it.told() == ["Opened", "Escalated", "Acknowledged", "Resolved"]
        assert {state for _, state in it.states()} == {"sent"}
        assert f"keepwell alerts ack {number} --by NAME" in json.dumps(it.there.taken["slack"][0])


def test_all_that_happened_since_the_last_look_is_told_in_its_order(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        number = it.opened()
        it.escalated(number)
        it.acknowledged(number)
        it.resolved(number)
        it.tell()
        assert it.told() == ["Opened", "Escalated", "Acknowledged", "Resolved"]


def test_a_meeting_that_the_crm_shows_days_later_is_told(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        number = it.opened()
        it.tell()
        held = it.clock.now() + timedelta(hours=2)
        it.tell(hours=100)
        it.moved(number, touch="meeting hubspot:5", touched_at=held)
        it.tell()
        assert it.told() == ["Opened", "Acknowledged"]


def test_what_stood_before_is_not_told_nor_is_its_end(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.silence()
        it.tell()
        number = it.opened()
        it.configure()
        it.tell(hours=1)
        it.acknowledged(number)
        it.resolved(number)
        it.tell()
        assert it.there.requests == []


def test_what_stood_before_can_be_told_in_one_digest(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.silence()
        it.tell()
        for number in range(9):
            it.opened(f"a{number}")
        it.resolved(it.opened("over"))
        it.configure(existing="digest")
        assert it.tell(hours=1).counts.sent == 9
        assert it.tell(hours=1).counts.noted == 0
        (text,) = it.there.texts()
        assert text == "9 changes"


def test_another_route_is_no_reason_to_tell_what_was(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "alerts": ["score_drop"]}]) as it:
        it.opened()
        it.tell()
        it.configure()
        it.later(1)
        new = it.opened("a2")
        it.tell()
        assert [one.alert_id for one in it.notices()] == [new], "also in the run that first sees the new route"


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({}, True),
        ({"alerts": ["score_drop"]}, False),
        ({"levels": ["L2", "L4"]}, True),
        ({"levels": ["L4"]}, False),
        ({"segments": ["strategic"]}, False),
        ({"owners": ["CSM"]}, True),
        ({"owners": ["hubspot:7"]}, True),
        ({"owners": ["sales"]}, False),
        ({"changes": ["resolved"]}, False),
        ({"alerts": "none", "runs": ["failed"]}, False),
    ],
)
def test_routes(tmp_path: Path, route: dict[str, Any], told: bool) -> None:
    with town(tmp_path, routes=[{"to": ["here"], **route}]) as it:
        it.opened()
        assert it.tell().counts.sent == int(told)


def test_a_recovery_goes_where_the_trouble_was_told_wherever_the_alert_would_go_now(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "levels": ["L2"]}]) as it:
        number = it.opened()
        it.tell()
        it.escalated(number, level="L3")
        it.resolved(number)
        it.tell()
        assert it.told() == ["Opened", "Escalated", "Resolved"]


def test_many_changes_are_one_message(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        for number in range(6):
            it.opened(f"a{number}")
        assert it.tell().counts.sent == 6
        assert len(it.there.requests) == 1


@pytest.mark.parametrize("fault", [HANG, Reply(500), Reply(503), Reply(302)], ids=str)
def test_a_receiver_in_trouble_gets_its_message_once_later(
    tmp_path: Path, either_store: str | None, fault: Reply | str
) -> None:
    with town(tmp_path, either_store) as it:
        it.opened()
        it.there.faults = [fault]
        before = monotonic()
        told = it.tell(budget=1.0 if fault == HANG else 20.0)
        assert monotonic() - before < 15
        assert told.counts.waiting == 1
        assert set(told.problems) == {"here"}
        assert it.tell(hours=0.01).counts.sent == 0, "not before its pause is over"
        assert it.tell(hours=1).counts.sent == 1
        it.tell(hours=9)
        assert it.told() == ["Opened"]


def test_one_receiver_that_hangs_keeps_no_other_from_its_messages(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        slack = {"type": "slack", "webhook_url": it.there.slack_hook}
        teams = {"type": "teams", "webhook_url": it.there.teams_hook}
        data = it.settings.model_dump()
        data["notifications"] = {"channels": {"here": slack, "there": teams}, "routes": [{"to": ["here", "there"]}]}
        it.settings = type(it.settings)(**data | {"connections": it.settings.connections})
        it.tell()
        it.opened()
        it.there.faults = [HANG]
        told = it.tell(budget=1.0)
        assert (told.counts.sent, told.counts.waiting, len(told.problems)) == (1, 1, 1)


def test_a_retry_after_is_kept_to(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.opened()
        it.there.faults = [Reply(429, headers={"Retry-After": "7200"})]
        it.tell()
        assert it.tell(hours=1.9).counts.sent == 0
        assert it.tell(hours=0.2).counts.sent == 1


def test_after_many_attempts_it_is_given_up_visibly_and_a_person_can_ask_again(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.opened()
        it.there.faults = [Reply(500)] * 8
        given_up = sum(it.tell(hours=7).counts.given_up for _ in range(10))
        assert given_up == 1
        assert (len(it.there.requests), it.states()) == (8, [("opened", "given_up")])
        assert it.notices()[0].life.error == "answered 500"
        with pytest.raises(UsageError, match="No notification 999"):
            it.retry(999)
        assert it.retry() == 1
        assert it.tell().counts.sent == 1


def test_a_lost_answer_is_sent_again_once(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.opened()
        it.there.faults = [DROP, DROP]
        for _ in range(5):
            it.tell(hours=7)
        assert len(it.there.texts()) == 2, "it may have arrived, and Slack cannot tell"
        assert it.states() == [("opened", "given_up")]


def test_a_webhook_whose_answers_get_lost_has_it_once_by_its_key(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.configure(type="webhook", url=it.there.url("/unchecked"), secret=SECRET)
        it.opened()
        it.there.faults = [DROP] * 4
        for _ in range(6):
            it.tell(hours=7)
        assert len({one.headers["webhook-id"] for one in it.there.requests}) == 1
        assert (len(it.there.requests), len(it.there.taken["webhook"])) == (5, 1)
        assert it.states() == [("opened", "sent")]


def test_a_process_killed_between_send_and_mark(tmp_path: Path, either_store: str | None) -> None:
    with town(tmp_path, either_store) as it:
        it.opened()
        with pytest.raises(Killed):
            it.tell(spawn=_killed_after)
        assert (it.states(), it.told()) == ([("opened", "sending")], ["Opened"])
        assert it.tell(hours=0.01).counts.sent == 0, "whoever sends it may still be there"
        it.tell(hours=1)
        it.tell(hours=1)
        assert it.told() == ["Opened", "Opened"], "whether it arrived is not known: rather twice than never"
        assert it.states() == [("opened", "sent")]


def test_a_process_that_is_really_killed_leaves_what_the_next_one_takes_up(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        number = it.opened()
        given = (str(tmp_path), it.there.slack_hook, it.clock.now().isoformat())
        words = [sys.executable, "-c", DOOMED, *given]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        assert (it.states(), it.told()) == ([("opened", "sending")], ["Opened"])
        it.resolved(number)
        it.tell(hours=1)
        it.tell(hours=1)
        assert it.told() == ["Opened", "Resolved", "Opened"], "one that may have arrived comes once more"
        assert it.states() == [("opened", "sent"), ("resolved", "sent")]


def test_quiet_hours_hold_and_what_is_critical_passes(tmp_path: Path) -> None:
    with town(tmp_path, quiet_hours={"since": "12:00", "until": "18:00"}) as it:
        it.opened()
        it.opened("a2", level="L4")
        assert it.tell().counts.waiting == 1
        assert "a2" in it.there.texts()[0]
        assert it.tell(hours=3).counts.sent == 0
        assert it.tell(hours=1.1).counts.sent == 1


def test_nothing_passes_when_the_configuration_says_so(tmp_path: Path) -> None:
    with town(tmp_path, quiet_hours={"days": ["wednesday"], "critical_passes": False}) as it:
        it.opened(level="L4")
        assert it.tell().counts.sent == 0
        assert it.tell(hours=11).counts.sent == 1, "Wednesday is over"


def test_a_daily_digest_goes_out_at_its_time(tmp_path: Path) -> None:
    with town(tmp_path, send="daily 17:00") as it:
        it.opened("a1")
        it.opened("a2")
        assert it.tell().counts.sent == 0
        assert it.tell(hours=2.9).counts.sent == 0
        assert it.tell(hours=0.2).counts.sent == 2
        assert it.there.texts() == ["2 changes"]
        it.opened("a3")
        assert it.tell(hours=20).counts.sent == 0
        assert it.tell(now=True).counts.sent == 1


def test_how_runs_go_wrong_is_told_once_each_and_so_is_the_recovery(tmp_path: Path, either_store: str | None) -> None:
    kinds = ["failed", "credentials", "refused", "deferred", "partial"]
    with town(tmp_path, either_store, routes=[{"to": ["here"], "alerts": "none", "runs": kinds}]) as it:
        ends = [
            ("complete", 0),
            ("failed", 1),
            ("failed", 1),
            ("busy", 75),
            ("failed", 6),
            ("refused", 5),
            ("partial", 3),
        ]
        for status, code in [*ends, ("partial", 3), ("deferred", 75), ("complete", 0), ("complete", 0)]:
            it.ran(status, exit_code=code)
            it.tell()
        it.ran("failed", exit_code=1, command="plan")
        it.tell()
        it.ran("failed", exit_code=2, reason_code="usage")
        it.tell()
        assert [one.change for one in it.notices()] == [
            "failed", "credentials", "refused", "partial", "deferred", "recovered"
        ]  # fmt: skip
        assert it.there.texts()[0].startswith("Run failed: sync ")
        assert "Because. Do this." in json.dumps(it.there.taken["slack"][0])


def test_a_partial_run_is_a_recovery_for_who_does_not_want_to_hear_of_partial_ones(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "alerts": "none", "runs": ["failed"]}]) as it:
        for status in ("failed", "deferred", "partial", "partial"):
            it.ran(status)
            it.tell()
        assert [one.change for one in it.notices()] == ["failed", "recovered"]


def test_that_no_run_was_good_for_long_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "alerts": "none", "runs": ["never_ran"]}]) as it:
        assert it.tell(max_age=HOUR).counts.sent == 1
        assert "there was no good one yet" in it.there.texts()[0]
        it.ran()
        it.tell(max_age=2 * HOUR)
        for _ in range(2):
            it.tell(hours=3, max_age=2 * HOUR)
        it.ran()
        it.tell(max_age=2 * HOUR)
        assert [one.change for one in it.notices()] == ["never_ran", "recovered", "never_ran", "recovered"]


@pytest.mark.parametrize("routes", [[{"to": ["here"]}], [{"to": ["here"], "runs": ["failed"]}], None])
def test_a_watch_that_nobody_would_hear_of_is_a_mistake(tmp_path: Path, routes: list[dict[str, Any]] | None) -> None:
    with town(tmp_path, routes=routes or []) as it:
        if routes is None:
            it.silence()
        with pytest.raises(UsageError, match="No route has `never_ran`"):
            it.tell(max_age=HOUR)


def test_a_channel_that_is_gone_takes_its_messages_with_it_visibly(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.opened()
        it.there.faults = [Reply(500)]
        it.tell()
        it.silence()
        assert it.tell(hours=1).counts.given_up == 1
        assert "no such channel" in str(it.notices()[0].life.error)
        it.opened("a2")
        it.configure()
        it.tell(hours=1)
        assert len(it.there.requests) == 1, "a channel that comes back is new"


def test_no_secret_gets_into_the_store(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.opened()
        it.there.faults = [Reply(400, it.there.slack_hook.encode())]
        told = it.tell()
        assert "a-secret-of-slack" not in repr(told) + repr(it.notices())
        everything = b"".join(path.read_bytes() for path in tmp_path.glob("keepwell.db*"))
        assert b"a-secret-of-slack" not in everything


def test_a_channel_can_be_tried(tmp_path: Path) -> None:
    with town(tmp_path) as it, it.deps() as deps:
        assert try_channel(deps, "here") is None
        assert it.there.texts() == ["Test: a message of Keepwell"]
        it.there.faults = [Reply(404, b"no_service")]
        assert try_channel(deps, "here") == "answered 404: the address or its key is wrong, or switched off"
        with pytest.raises(UsageError, match="Did you mean here"):
            try_channel(deps, "her")


ROOT = Path(__file__).resolve().parents[2]
DOOMED = """
import os, signal, sys
from datetime import datetime
from functools import partial
from config.settings import Settings
from sync.assemble import assemble
from sync.delivery import deliver
from sync.telling import tell
from tests.flow.one_crm import SkippingClock

folder, hook, now = sys.argv[1:]
slack = {"type": "slack", "webhook_url": hook}
told = {"channels": {"here": slack}, "routes": [{"to": ["here"], "alerts": ["band_drop"]}]}
connection = {"type": "hubspot", "access_token": "t" * 20, "base_url": "http://127.0.0.1:9"}
settings = Settings(store=f"sqlite:///{folder}/keepwell.db", connections={"hubspot": connection}, notifications=told)

def and_die(work):
    work()
    os.kill(os.getpid(), signal.SIGKILL)

deps = assemble(settings, clock=SkippingClock(datetime.fromisoformat(now)))
tell(deps, send=partial(deliver, spawn=and_die))
"""


class Killed(BaseException):
    """Stands for a process that ends on the spot."""


def _killed_after(work: Any) -> None:
    work()
    raise Killed
