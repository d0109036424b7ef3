"""Usage figures are remembered month by month: what is usual for an account, and the alert when it uses less."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select

from store import alerts, identity
from store.alerts import STATES, Wanted
from store.tables import ENTITY_TABLES
from sync.deps import RunOptions
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import Rig, rig

FULL = RunOptions(full=True, max_shrink=1.0)


def readings(made: Rig, company: str) -> dict[str, tuple[date, float | None]]:
    t = ENTITY_TABLES["reading"].c
    with made.deps() as deps, deps.store.read() as c:
        rows = c.execute(select(t.id, t.read_on, t.logins_per_user_week).where(t.account_ref == company)).all()
    return {row.id.removeprefix(f"{company}:"): (row.read_on, row.logins_per_user_week) for row in rows}


def kinds(made: Rig, company: str) -> set[str]:
    """Alerts that were ever raised about the account of a company."""
    with made.deps() as deps, deps.store.read() as c:
        (link,) = identity.find(c, "default", company)
        found = alerts.listed(c, "default", Wanted(STATES, account_id=link.account_id), limit=100)
    return {one.alert for one in found}


def test_an_account_that_uses_less_than_usual_raises_an_alert(tmp_path: Path, either_store: str | None) -> None:
    clock = SkippingClock()
    today = clock.now().date()
    with rig(tmp_path, accounts=8, store=either_store) as made:
        company = made.some_company("usage_updated_on")

        def used(days_ago: int, logins: str) -> date:
            day = today - timedelta(days=days_ago)
            values = {"usage_updated_on": day.isoformat(), "logins_per_user_week_30d": logins, "features_used_30d": "",
                      "data_volume_30d": "", "go_live_date": "2024-01-10", "churn_date": "",
                      "contract_end_date": "2099-01-01"}  # fmt: skip
            made.person("edit", object="companies", id=company, properties=values)
            clock.sleep(60)
            assert made.sync(FULL, clock=clock).status == "complete"
            return day

        used(500, "9")
        old = used(60, "4")
        assert readings(made, company) == {f"{old:%Y-%m}": (old, 4.0)}, "after 400 days a reading is forgotten"
        assert "usage_drop" not in kinds(made, company)
        new = used(1, "2.9")
        assert "usage_drop" not in kinds(made, company), "2.9 of 4 is more than 70 percent"
        used(0, "2.8")
        assert "usage_drop" in kinds(made, company)
        there = readings(made, company)
        assert there[f"{old:%Y-%m}"] == (old, 4.0)
        assert there[f"{today:%Y-%m}"] == (today, 2.8), "of a month the last figures stay"
        assert set(there) <= {f"{day:%Y-%m}" for day in (old, new, today)}

        made.person("archive", object="companies", id=company)
        assert made.sync(FULL, clock=clock).status == "complete"
        assert readings(made, company) == {}
