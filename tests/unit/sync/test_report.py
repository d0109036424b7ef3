"""The report sums up, says the worst, and has the documented shape."""

from __future__ import annotations

import pytest

from connectors.errors import BadAnswer, ConfigError, CredentialsError, MissingScope, QuotaExhausted, RetryLater
from store.errors import LeaseHeld, StoreFull, StoreLocked
from sync.ending import ending_of_error, ending_of_rows
from sync.errors import Busy, IncompletePull, Interrupted, InvariantError, StalePlan, UsageError
from sync.report import BUCKETS, Buckets, ConnectionPlan, PlanSummary, RunReport


def a_report() -> RunReport:
    return RunReport("run-1", "sync", "2026-11-22", "2026-11-22T10:00:00Z")


def test_every_planned_change_is_in_one_bucket() -> None:
    report = a_report()
    report.apply["hubspot"] = Buckets(planned=3, confirmed=2, pending=1)
    report.check_buckets()
    report.apply["hubspot"].move("pending", "confirmed")
    report.check_buckets()
    assert report.apply["hubspot"].confirmed == 3


@pytest.mark.parametrize("buckets", [Buckets(planned=3, confirmed=2), Buckets(planned=1, confirmed=2, pending=-1)])
def test_a_missing_or_doubled_change_is_a_bug(buckets: Buckets) -> None:
    report = a_report()
    report.apply["hubspot"] = buckets
    with pytest.raises(InvariantError, match="hubspot"):
        report.check_buckets()


def test_json_has_the_documented_shape() -> None:
    report = a_report()
    report.stream("hubspot", "companies").read = 7
    report.plan = PlanSummary("p1", {"hubspot": ConnectionPlan(records=2, changes=5, held=1, cost=4)})
    report.apply["hubspot"] = Buckets(planned=5, confirmed=5)
    data = report.to_dict()
    assert data["plan"] == {
        "plan_id": "p1",
        "records": 2,
        "changes": 5,
        "held": 1,
        "accepted": 0,
        "refused": 0,
        "cost": {"hubspot": 4},
    }
    assert data["apply"] == dict.fromkeys(BUCKETS, 0) | {"confirmed": 5}
    pull = data["pull"]
    assert isinstance(pull, dict)
    assert {"read", "inserted", "updated", "unchanged", "deleted", "quarantined"} <= set(pull["hubspot"]["companies"])


@pytest.mark.parametrize("bucket", ["rejected", "conflict", "pending", "in_doubt"])
def test_status_is_never_better_than_the_worst_row(bucket: str) -> None:
    report = a_report()
    report.apply["hubspot"] = Buckets(planned=1, **{bucket: 1})
    ending = ending_of_rows(report)
    assert (ending.status, ending.exit_code) == ("partial", 3)
    assert ending.reason is not None
    assert ending.reason.startswith("1 value ")


def test_a_held_value_is_not_a_green_run() -> None:
    report = a_report()
    report.plan = PlanSummary("p1", {"hubspot": ConnectionPlan(held=2)})
    assert ending_of_rows(report).exit_code == 3


def test_gone_and_unchanged_rows_are_fine() -> None:
    report = a_report()
    report.apply["hubspot"] = Buckets(planned=3, confirmed=1, unchanged=1, gone=1)
    assert (ending_of_rows(report).status, ending_of_rows(report).exit_code) == ("complete", 0)


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (StalePlan("old"), "refused", 5),
        (Busy("busy"), "busy", 75),
        (LeaseHeld("held", owner="r", expires_in=3.0), "busy", 75),
        (StoreLocked("another process writes"), "busy", 75),
        (Interrupted("SIGTERM"), "interrupted", 130),
        (UsageError("what?"), "failed", 2),
        (CredentialsError("wrong token"), "failed", 6),
        (MissingScope("no scope"), "failed", 6),
        (QuotaExhausted("daily"), "deferred", 75),
        (ConfigError("no such property"), "failed", 2),
        (RetryLater("503"), "failed", 1),
        (BadAnswer("HTML"), "failed", 1),
        (StoreFull("disk full"), "failed", 1),
        (InvariantError("sum"), "failed", 1),
        (IncompletePull("hubspot: daily", cause=QuotaExhausted("daily")), "deferred", 75),
        (IncompletePull("hubspot: token", cause=CredentialsError("token")), "failed", 6),
    ],
)
def test_how_an_error_ends_a_run(error: Exception, status: str, exit_code: int) -> None:
    ending = ending_of_error(error)
    assert ending is not None
    assert (ending.status, ending.exit_code) == (status, exit_code)


@pytest.mark.parametrize(
    "error",
    [
        CredentialsError("The token was refused."),
        RetryLater("status 503", hint="Theirs."),
        BadAnswer("HTML", hint="Check the address."),
        IncompletePull("hubspot: HTML", cause=BadAnswer("HTML", hint="Check the address."), hint="Check the address."),
        IncompletePull("hubspot: status 503", cause=RetryLater("status 503")),
    ],
    ids=repr,
)
def test_what_a_crm_has_to_do_with_says_what_to_type_next(error: Exception) -> None:
    ending = ending_of_error(error)
    assert ending is not None
    assert ending.hint is not None
    assert ending.hint.count("`keepwell doctor`") == 1
    assert ending.hint.startswith(getattr(error, "hint", ""))


def test_a_bug_has_no_ending() -> None:
    assert ending_of_error(KeyError("x")) is None
