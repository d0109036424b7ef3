"""Planted bugs: in what is sent, when and how often, and in what is decided about an answer."""

from __future__ import annotations

from tests.rig.bug import CASES, DECIDE, OUTBOX, PEOPLE, SALESFORCE, STANDSTILL, STORE, SYNC, TROUBLE, WRITEPATH, Bug

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
        (WRITEPATH, CASES + "test_a_request_without_an_answer_is_in_doubt"),
    ),
    Bug(
        "a row that the answer leaves out counts as written",
        SYNC + "batch.py",
        'return Outcome(ref, "in_doubt", reason="the CRM\'s answer does not mention this record")',
        'return Outcome(ref, "confirmed", reason="the CRM\'s answer does not mention this record")',
        (CASES + "test_a_row_that_the_answer_leaves_out_is_in_doubt",),
    ),
    Bug(
        "outcomes by place instead of id",
        SYNC + "batch.py",
        "outcomes = {outcome.ref.id: outcome for outcome in self._records.write(batch)}",
        "outcomes = {one.ref.id: found for one, found in zip(batch, self._records.write(batch))}",
        (WRITEPATH, CASES + "test_each_record_gets_its_own_outcome"),
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
        (CASES + "test_a_stamp_does_not_go_alone_when_all_else_is_there",),
    ),
)

DECIDING: tuple[Bug, ...] = (
    Bug(
        "no grace: a lost request is judged at once",
        SYNC + "settle.py",
        "clock, grace = session.deps.clock, session.deps.timing.grace\n",
        "clock, grace = session.deps.clock, 0.0\n",
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
        'attempt=case((_I.state == "in_doubt", _I.attempt + 1), else_=_I.attempt)',
        'attempt=case((_I.state == "in_doubt", _I.attempt), else_=_I.attempt)',
        (OUTBOX,),
    ),
    Bug(
        "a record that is gone is written again",
        SYNC + "settle.py",
        'settlements.append(Settlement(intent.id, "gone",',
        'settlements.append(Settlement(intent.id, "pending",',
        (CASES + "test_a_record_that_went_while_its_answer_was_lost_is_gone",),
    ),
)

TASKED: tuple[Bug, ...] = (
    Bug(
        "a task that somebody deleted is planned anew",
        SYNC + "tasks.py",
        "return one.task is not None and one.task.made_at is not None",
        "return False",
        ("tests/flow/test_tasks.py::test_a_deleted_task_is_never_made_again",),
    ),
    Bug(
        "a task that somebody closed is followed further",
        SYNC + "tasks.py",
        'return "closed_by_somebody" if current.values[key, status] == DONE and theirs else None',
        "return None",
        ("tests/flow/test_tasks.py::test_who_closes_a_task_has_the_last_word",),
    ),
    Bug(
        "the second attempt forgets that it makes the record",
        SYNC + "batch.py",
        "return replace(record, changes=changes, held=())",
        "return PlanRecord(record.connection, record.object, record.record_id, record.account_id, changes)",
        ("tests/flow/test_tasks_lost.py::test_a_task_whose_owner_hubspot_does_not_take_is_made_without_one",),
    ),
    Bug(
        "what was never made counts as gone",
        SYNC + "settle.py",
        'meanings |= dict.fromkeys((one.id for one in unmade), "pending")',
        "unmade.clear()",
        ("tests/flow/test_tasks_lost.py::test_a_request_that_never_arrived_is_sent_again",),
    ),
    Bug(
        "an entry that was made is planned anew",
        SYNC + "entries.py",
        "if key in there and there[key].made_at is not None:",
        "if key in there and there[key].made_at is None:",
        ("tests/flow/test_entries.py::test_an_entry_that_somebody_changed_or_deleted_is_left_alone",),
    ),
    Bug(
        "an entry is another one on each run",
        "mapping/entries.py",
        "account_id, as_of.astimezone(UTC).isoformat()))",
        "account_id, datetime.now(UTC).isoformat()))",
        ("tests/flow/test_entries.py::test_a_fall_becomes_one_entry_of_its_company[sqlite]",),
    ),
    Bug(
        "Gainsight: an entry whose key is taken counts as refused",
        "connectors/gainsight/timeline.py",
        "        if not found.missing:\n",
        "        if found.missing is None:\n",
        ("tests/contract/test_gainsight_timeline.py::test_a_key_that_is_there_already_is_in_doubt",),
    ),
    Bug(
        "Gainsight: after a lost answer the next entry is sent all the same",
        "connectors/gainsight/timeline.py",
        "                ended = error\n                lost = ",
        "                lost = ",
        ("tests/contract/test_gainsight_timeline.py::test_after_a_lost_answer_nothing_more_is_sent",),
    ),
    Bug(
        "Gainsight: a call whose answer was lost is made again at once",
        "connectors/gainsight/cockpit.py",
        "    settles_after = SETTLES_AFTER\n",
        "    settles_after = 0.0\n",
        ("tests/flow/test_calls_to_action.py::test_a_request_whose_answer_was_lost_and_that_shows_nothing",),
    ),
    Bug(
        "Gainsight: a call that was deleted while in doubt is as good as none",
        "connectors/gainsight/cockpit.py",
        "return Observed(ref, missing=True, record_id=deleted.get(ref.id))",
        "return Observed(ref, missing=True)",
        (
            "tests/contract/test_gainsight_cockpit.py::test_a_deleted_call_is_told_with_its_id",
            "tests/flow/test_calls_to_action.py::test_who_deletes_a_call_while_its_answer_is_in_doubt",
        ),
    ),
    Bug(
        "Salesforce: a deleted task is as good as none",
        SALESFORCE + "tasks.py",
        "return Observed(ref, missing=True, record_id=own)",
        "return Observed(ref, missing=True)",
        ("tests/contract/test_salesforce_tasks.py::test_a_task_that_is_there_already_is_in_doubt",),
    ),
)
