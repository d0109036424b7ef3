"""Bugs that a write path can have, planted into ours one at a time, and the tests that must notice each.

`old` stands exactly once in `file`. With `new` in its place every one of `tests` has to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

STORE, SYNC = "store/", "sync/"
HUBSPOT, SALESFORCE = "connectors/hubspot/", "connectors/salesforce/"


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug; `tests` are ids of tests, or what the ids of parametrised ones begin with."""

    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def machine(name: str) -> str:
    """The test of a state machine, by its name in `tests.machines.table`."""
    return f"tests/machines/test_machines.py::test_every_history_holds[{name}-sqlite]"


WRITEPATH, OUTBOX, LEASE, CURSOR = machine("writepath"), machine("outbox"), machine("lease"), machine("cursor")
DECIDE = "tests/unit/sync/test_decide.py::"
PEOPLE, TROUBLE = "tests/flow/test_people.py::", "tests/flow/test_trouble.py::"
STANDSTILL = "tests/flow/test_standstill.py::"

SENDING: tuple[Bug, ...] = (
    Bug(
        "mark early: confirmed before it is sent",
        SYNC + "batch.py",
        "        outcomes, error = self._attempt(batch, latest)\n",
        '        sure = {one.ref.id: Outcome(one.ref, "confirmed") for one in batch}\n'
        "        self._settle(records, claimed, sure, result, None)\n"
        "        self._attempt(batch, latest)\n"
        "        return\n",
        (WRITEPATH, TROUBLE + "test_a_request_that_never_arrived"),
    ),
    Bug(
        "mark late: sent before it is written down",
        SYNC + "batch.py",
        "            claimed = self._claim(records, guarded, result, read_at)\n",
        "            self._connector.write(\n"
        "                [\n"
        "                    Change(\n"
        "                        Ref(self._connector.name, self._owned.object_name, r.record_id),\n"
        '                        {c["property"]: c["after"] for c in r.changes},\n'
        "                    )\n"
        "                    for r in records\n"
        "                ]\n"
        "            )\n"
        "            claimed = self._claim(records, guarded, result, read_at)\n",
        (WRITEPATH,),
    ),
    Bug(
        "the audit row comes after the request",
        SYNC + "batch.py",
        '            self._audit(c, "intent", claim.batch, claimed, {})\n',
        "            result.again = []\n",
        (WRITEPATH, "tests/flow/test_first_and_second_run.py::test_both_crms_on_sqlite"),
    ),
    Bug(
        "the ledger is written at the claim",
        SYNC + "batch.py",
        'if one.state == "unchanged" and one.seen == one.want], now)',
        'if one.state in ("unchanged", "sent")], now)',
        (WRITEPATH,),
    ),
    Bug(
        "adopted without being equal",
        SYNC + "batch.py",
        'if one.state == "unchanged" and one.seen == one.want], now)',
        'if one.state in ("unchanged", "conflict")], now)',
        (WRITEPATH,),
    ),
    Bug(
        "an answer that was lost counts as not sent",
        SYNC + "batch.py",
        '"in_doubt" if error.sent else "pending"',
        '"pending" if error.sent else "pending"',
        (WRITEPATH, TROUBLE + "test_a_lost_answer_is_read_back"),
    ),
    Bug(
        "a row that the answer leaves out counts as written",
        SYNC + "batch.py",
        'return Outcome(ref, "in_doubt", reason="the CRM\'s answer does not mention this record")',
        'return Outcome(ref, "confirmed", reason="the CRM\'s answer does not mention this record")',
        ("tests/machines/test_cases.py::test_a_row_that_the_answer_leaves_out_is_in_doubt",),
    ),
    Bug(
        "outcomes by place instead of id",
        SYNC + "batch.py",
        "outcomes = {outcome.ref.id: outcome for outcome in self._connector.write(batch)}",
        "outcomes = {one.ref.id: found for one, found in zip(batch, self._connector.write(batch))}",
        (WRITEPATH,),
    ),
    Bug(
        "no guard read",
        SYNC + "batch.py",
        "        return compare_before_write(\n",
        '        return "send" or compare_before_write(\n',
        (WRITEPATH, PEOPLE + "test_an_edit_between_plan_and_apply_is_a_conflict"),
    ),
    Bug(
        "an old guard read is good enough",
        SYNC + "batch.py",
        "if deps.clock.monotonic() - read_at > deps.timing.guard_age:",
        "if deps.clock.monotonic() - read_at > deps.timing.guard_age * 1e6:",
        (WRITEPATH,),
    ),
    Bug(
        "a request leaves however long ago it was decided",
        SYNC + "batch.py",
        "latest = min(read_at + self._session.deps.timing.send_within, self._session.last_to_send())",
        "latest = self._session.last_to_send()",
        (WRITEPATH,),
    ),
    Bug(
        "a request leaves although the lease may end before it",
        SYNC + "session.py",
        "return self.renewed_at + timing.lease_ttl - timing.deadline",
        "return self.renewed_at + timing.lease_ttl * 1e6 - timing.deadline",
        (STANDSTILL + "test_a_request_never_starts",),
    ),
    Bug(
        "a request that waits for its permit forgets the time",
        SYNC + "batch.py",
        "            with leaving_by(latest):\n",
        "            with leaving_by(latest * 1e6 + 1e9):\n",
        (WRITEPATH,),
    ),
    Bug(
        "a conflict is sent all the same",
        SYNC + "decide.py",
        '    if current == before or (written is not None and current == written.value):\n        return "send"\n'
        '    return "conflict"\n',
        '    return "send"\n',
        (WRITEPATH, DECIDE + "test_guard_read"),
    ),
    Bug(
        "the time stamp goes alone",
        SYNC + "decide.py",
        "    if sheet.changes:\n        for item in stamps:\n",
        "    if stamps:\n        for item in stamps:\n",
        (WRITEPATH, DECIDE + "test_the_time_stamp_goes_only_along"),
    ),
    Bug(
        "the stamp stays when all else turned out to be there",
        SYNC + "batch.py",
        "            _settle_stamps(records, readings)\n",
        "            _settle_stamps([], readings)\n",
        ("tests/machines/test_cases.py::test_a_stamp_does_not_go_alone_when_all_else_is_there",),
    ),
)

DECIDING: tuple[Bug, ...] = (
    Bug(
        "no grace: a lost request is judged at once",
        SYNC + "settle.py",
        "until = max(sent) + timedelta(seconds=session.deps.timing.grace)",
        "until = max(sent)",
        (WRITEPATH,),
    ),
    Bug(
        "blind resend: what was lost was not done",
        SYNC + "settle.py",
        "one.id: compare_after_loss(current.values[one.record_id, one.property], one.seen, one.want)",
        'one.id: "pending"',
        (WRITEPATH, TROUBLE + "test_a_lost_answer_is_read_back"),
    ),
    Bug(
        "what somebody else set meanwhile was not done either",
        SYNC + "decide.py",
        'return "pending" if current == before else "conflict"',
        'return "pending"',
        (DECIDE + "test_read_back_of_a_lost_answer",),
    ),
    Bug(
        "what a dead run sent is not recovered",
        SYNC + "settle.py",
        "writes.recover(c, session.ws, connection, session.deps.clock.now())",
        "0",
        (WRITEPATH, "tests/flow/test_kill.py::test_a_run_that_is_killed"),
    ),
    Bug(
        "what is in doubt waits like anything else",
        STORE + "writes.py",
        'values = {"state": "in_doubt", "reason": "the answer was lost", "changed_at": now}',
        'values = {"state": "pending", "reason": "the answer was lost", "changed_at": now}',
        (OUTBOX, WRITEPATH),
    ),
    Bug(
        "a lost request is tried for ever",
        STORE + "writes.py",
        'attempt = case((_I.state == "in_doubt", _I.attempt + 1), else_=_I.attempt)',
        'attempt = case((_I.state == "in_doubt", _I.attempt), else_=_I.attempt)',
        (OUTBOX,),
    ),
    Bug(
        "a record that is gone is written again",
        SYNC + "settle.py",
        'settlements.append(Settlement(intent.id, "gone",',
        'settlements.append(Settlement(intent.id, "pending",',
        ("tests/machines/test_cases.py::test_a_record_that_went_while_its_answer_was_lost_is_gone",),
    ),
)

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
        (DECIDE + "test_decision_with_what_people", "tests/flow/test_failures.py::"),
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
        (OUTBOX, WRITEPATH),
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
        '_I.state == "pending", _I.run_id != except_run)',
        '_I.state == "pending", _I.run_id != "")',
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
        ("tests/machines/test_cases.py::test_a_value_that_the_crm_alters_is_drift",),
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
        (STANDSTILL + "test_nothing_is_recorded",),
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
        "c.execute(update(leases).where(_mine(lease)).values(owner=None, expires_at=_NEVER))",
        "c.execute(update(leases).where(_key(lease.workspace, lease.key)).values(owner=None, expires_at=_NEVER))",
        (LEASE, "tests/store/test_leases.py::test_a_released_lease"),
    ),
    Bug(
        "a heart that misses its beats is ignored",
        SYNC + "lease.py",
        "            if missed >= MISSED_BEATS:\n",
        "            if missed < 0:\n",
        ("tests/machines/test_cases.py::test_a_run_that_cannot_renew_its_lease_stops",),
    ),
    Bug(
        "a beat counts from its end",
        SYNC + "lease.py",
        "            session.renewed_at = before\n",
        "            session.renewed_at = session.deps.clock.monotonic()\n",
        ("tests/machines/test_cases.py::test_a_beat_counts_from_its_begin",),
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
        ("tests/contract/test_conformance_hubspot.py::",),
    ),
    Bug(
        "HubSpot: results by place instead of id",
        HUBSPOT + "write.py",
        'written = (\n            {str(row.get("id")) for row in results if isinstance(row, dict)}',
        "written = (\n            {batch[row].ref.id for row, _ in zip(group, results)}",
        ("tests/unit/connectors/test_hubspot_write.py::test_rows_that_the_answer_does_not_mention",),
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
        ("tests/contract/test_conformance_hubspot.py::",),
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
        ("tests/unit/connectors/test_salesforce_write.py::test_an_answer_that_proves_nothing",),
    ),
)

BUGS: tuple[Bug, ...] = SENDING + DECIDING + PEOPLES + KEEPING + FENCING + READING + VENDORS
