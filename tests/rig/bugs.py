"""All planted bugs; those of sending and deciding have a file of their own."""

from __future__ import annotations

from tests.rig.bug import (
    CASES,
    CURSOR,
    DECIDE,
    HUBSPOT,
    LEASE,
    OUTBOX,
    PEOPLE,
    SALESFORCE,
    STANDSTILL,
    STORE,
    SYNC,
    WRITEPATH,
    Bug,
    machine,
)
from tests.rig.bugs_of_sending import DECIDING, SENDING, TASKED

PEOPLES: tuple[Bug, ...] = (
    Bug(
        "what a person set is replaced",
        SYNC + "decide.py",
        'if decided is None and not ours and human_edits == "hold":',
        'if decided is None and not ours and human_edits == "never":',
        (WRITEPATH, DECIDE + "test_decision_table", PEOPLE + "test_a_persons_edit_is_held"),
    ),
    Bug(
        "what a person accepted is replaced",
        SYNC + "decide.py",
        '    if decided == "accept":\n        return "accepted"\n',
        '    if decided == "accept":\n        return None\n',
        (WRITEPATH, DECIDE + "test_decision_with_what_people"),
    ),
    Bug(
        "a decision about one value counts for all",
        SYNC + "decide.py",
        "return known.resolved.verdict if known.resolved is not None and known.resolved.seen == seen else None",
        "return known.resolved.verdict if known.resolved is not None else None",
        (WRITEPATH, DECIDE + "test_decision_with_what_people"),
    ),
    Bug(
        "a decision outlives the value that it was about",
        STORE + "ledger.py",
        "    resolutions.forget(c, ws, intents)\n",
        "",
        (OUTBOX,),
    ),
    Bug(
        "what was undone comes back",
        SYNC + "decide.py",
        "written.undone == Undone(want):",
        "written.undone == Undone(want + '?' if want else want):",
        (DECIDE + "test_decision_with_what_people",),
    ),
    Bug(
        "what was refused is sent with every run",
        SYNC + "decide.py",
        'return "refused" if known.refusal == Refusal(want) else None',
        "return None",
        (DECIDE + "test_decision_with_what_people", "tests/flow/test_failures.py::test_a_refused_value_from_its_first"),
    ),
    Bug(
        "a value in doubt is planned anew",
        SYNC + "decide.py",
        "    if known.in_doubt:\n",
        "    if known.in_doubt and want is None:\n",
        (DECIDE + "test_a_property_in_doubt_is_held",),
    ),
)

KEEPING: tuple[Bug, ...] = (
    Bug(
        "two open intents of one value",
        STORE + "tables/writes.py",
        '        "property",\n        unique=True,\n        sqlite_where=text(OPEN_WHERE),',
        '        "property",\n        unique=False,\n        sqlite_where=text(OPEN_WHERE),',
        ("tests/store/test_opening.py::test_migrations_lead_to_exactly_the_tables",),
    ),
    Bug(
        "what is on its way does not block",
        STORE + "writes.py",
        "blocked = {key for key in wanted if key in standing and key not in replaced}",
        "blocked = {key for key in wanted if key not in wanted}",
        (OUTBOX,),
    ),
    Bug(
        "what is on its way is superseded",
        STORE + "writes.py",
        'if key in wanted and row.state == "pending"}',
        "if key in wanted}",
        (OUTBOX,),  # no plan has a value that is on its way, so the write path does not come to it
    ),
    Bug(
        "lost attempts are forgotten by the next plan",
        STORE + "writes.py",
        "attempts={key: row.attempt for key, row in replaced.items() if row.want == wanted[key].want},",
        "attempts={},",
        (OUTBOX,),
    ),
    Bug(
        "what is over can be settled again",
        STORE + "writes.py",
        "    if moved != len(ids):\n",
        "    if moved > len(ids):\n",
        (OUTBOX,),
    ),
    Bug(
        "a run drops what it has just put off",
        STORE + "writes.py",
        '_I.state == "pending", _I.run_id != bindparam("but"))',
        '_I.state == "pending", _I.run_id + "?" != bindparam("but"))',
        (OUTBOX,),
    ),
    Bug(
        "a refusal leaves no trace",
        STORE + "writes.py",
        "    failures.note(c, ws, refused, now)\n",
        "",
        (OUTBOX,),
    ),
    Bug(
        "a value that got there stays among the failures",
        STORE + "ledger.py",
        "    failures.forget(c, ws, intents)\n",
        "",
        (OUTBOX,),
    ),
    Bug(
        "verification skips what it should prove",
        SYNC + "proof.py",
        "        if not proven.issuperset(properties):\n            return True\n        if self._first",
        "        if not proven.issuperset(properties):\n            return False\n        if self._first",
        (CASES + "test_a_value_that_the_crm_alters_is_drift",),
    ),
)

FENCING: tuple[Bug, ...] = (
    Bug(
        "no token check",
        STORE + "leases.py",
        "    if expires_at is None or expires_at <= now(c):\n        raise _lost(lease)\n",
        "    if expires_at is None:\n        return\n",
        (LEASE, "tests/store/test_leases.py::test_a_holder_that_slept", STANDSTILL + "test_nothing_is_recorded"),
    ),
    Bug(
        "an outcome is recorded without the lease",
        SYNC + "batch.py",
        "            leases.check(c, session.lease(self._connector.name))\n            now =",
        "            now =",
        (CASES + "test_an_outcome_is_not_recorded_once",),
    ),
    Bug(
        "the lease is taken from its holder",
        STORE + "leases.py",
        "if row.owner is not None and row.expires_at > moment:",
        "if row.owner is not None and row.expires_at > moment and row.owner == owner:",
        (LEASE, "tests/store/test_leases.py::test_one_holder_at_a_time"),
    ),
    Bug(
        "a token is given out twice",
        STORE + "leases.py",
        "lease = Lease(ws, key, owner, row.token + 1, ttl_s)",
        "lease = Lease(ws, key, owner, max(row.token, 1), ttl_s)",
        (LEASE, "tests/store/test_leases.py::test_a_released_lease"),
    ),
    Bug(
        "a late release takes the lease from its new holder",
        STORE + "leases.py",
        'c.execute(_CHANGE, _mine(lease) | {"owner": None, "expires_at": _NEVER})',
        'c.execute(_TAKE, _key(lease.workspace, lease.key) | {"owner": None, "expires_at": _NEVER})',
        (LEASE, "tests/store/test_leases.py::test_a_released_lease"),
    ),
    Bug(
        "a heart that misses its beats is ignored",
        SYNC + "lease.py",
        "            if missed >= MISSED_BEATS:\n",
        "            if missed < 0:\n",
        (CASES + "test_a_run_that_cannot_renew_its_lease_stops",),
    ),
    Bug(
        "a beat counts from its end",
        SYNC + "lease.py",
        "            session.renewed_at = before\n",
        "            session.renewed_at = session.deps.clock.monotonic()\n",
        (CASES + "test_a_beat_counts_from_its_begin",),
    ),
)

READING: tuple[Bug, ...] = (
    Bug(
        "the cursor is the newest row seen",
        SYNC + "pull_records.py",
        "high_water = page.high_water or epoch.high_water\n",
        "high_water = max((one.modified_at for one in page.records if one.modified_at), default=page.high_water)\n",
        (CURSOR,),
    ),
    Bug(
        "the position is forgotten",
        SYNC + "pull_records.py",
        "position=page.position, high_water=page.high_water, rows=len(page.records))",
        'position=page.position and "", high_water=page.high_water, rows=len(page.records))',
        ("tests/pitfalls/test_p24_bumped_stamps.py::test_p24_a_read",),
    ),
    Bug(
        "what one list missed is gone",
        SYNC + "pull_records.py",
        "        _look_up(session, connector, work, unseen)\n",
        "        _look_up(session, connector, work, unseen[:0])\n",
        (CURSOR, "tests/flow/test_pull_streams.py::test_a_record_that_a_full_read_did_not_show"),
    ),
    Bug(
        "a pull that was cut off goes on from its last page's end, and keeps no row of it",
        SYNC + "pull_records.py",
        "                    store_rows(session, c, connector.name, work.stream.name, work.epoch.id, page, versions)\n"
        "                    _advance(session, c, connector.name, work, page)\n",
        "                    _advance(session, c, connector.name, work, page)\n"
        '                fp("pull.page_stored")\n'
        "                with session.deps.store.write() as c:\n"
        "                    store_rows(session, c, connector.name, work.stream.name, work.epoch.id, page, versions)\n",
        (CURSOR,),
    ),
    Bug(
        "after a refusal a process goes on with what it has in hand",
        "connectors/budget.py",
        '        """See `Budget`; never shortens a longer pause."""\n        self._void()\n',
        '        """See `Budget`; never shortens a longer pause."""\n',
        (machine("limiter"),),
    ),
    Bug(
        "a request counts from the moment at which it leaves",
        "connectors/budget.py",
        "one.key: window.book(cost, good + int(one.grace * SECOND))",
        "one.key: window.book(cost, free)",
        (machine("limiter"),),
    ),
)

VENDORS: tuple[Bug, ...] = (
    Bug(
        "HubSpot: 5xx counts as not sent",
        HUBSPOT + "client.py",
        "wait=wait if wait is not None else rule.wait, hint=rule.hint, sent=True)",
        "wait=wait if wait is not None else rule.wait, hint=rule.hint, sent=False)",
        ("tests/contract/test_conformance_hubspot.py::test_hubspot_conforms",),
    ),
    Bug(
        "HubSpot: results by place instead of id",
        HUBSPOT + "write.py",
        '            self.address(row): str(row.get("id"))\n',
        '            batch[group[results.index(row)]].ref.id: str(row.get("id"))\n',
        ("tests/unit/connectors/test_hubspot_write.py::test_a_row_is_known_by_its_id",),
    ),
    Bug(
        "HubSpot: a bad row takes its neighbours along",
        HUBSPOT + "write.py",
        "    half = len(group) // 2\n    return {}, [group[:half], group[half:]]\n",
        "    return {row: _rejected(batch[row], problems[0]) for row in group}, []\n",
        (
            "tests/unit/connectors/test_hubspot_write.py::test_one_bad_row_is_found",
            "tests/contract/test_hubspot_write.py::test_bad_rows_cost_only_themselves",
        ),
    ),
    Bug(
        "HubSpot: a deleted record is refused, and so tried again",
        HUBSPOT + "write.py",
        'return Outcome(ref, "gone", "The record was deleted in HubSpot."',
        'return Outcome(ref, "rejected", "The record was deleted in HubSpot."',
        ("tests/contract/test_conformance_hubspot.py::test_hubspot_conforms",),
    ),
    Bug(
        "HubSpot: the new refresh token is not stored",
        HUBSPOT + "auth.py",
        "            write_secret_file(self._stored_in, rotated)\n",
        "            pass\n",
        ("tests/contract/test_hubspot_oauth.py::test_two_processes_with_one_file",),
    ),
    Bug(
        "Salesforce: the second half of a refused batch is dropped",
        SALESFORCE + "write.py",
        "        self.send(rows[:middle])\n        self.send(rows[middle:])\n",
        "        self.send(rows[:middle])\n        self._all(rows[middle:], whole)\n",
        ("tests/unit/connectors/test_salesforce_write.py::test_a_batch_refused_as_a_whole_is_bisected",),
    ),
    Bug(
        "Salesforce: an answer of another length is taken in order",
        SALESFORCE + "write.py",
        "        if not isinstance(answer, list) or len(answer) != len(rows):\n",
        "        if not isinstance(answer, list):\n",
        ("tests/unit/connectors/test_salesforce_write.py::test_each_change_has_exactly_one_outcome",),
    ),
)

BUGS: tuple[Bug, ...] = SENDING + DECIDING + TASKED + PEOPLES + KEEPING + FENCING + READING + VENDORS
