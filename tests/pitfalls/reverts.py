"""What each pitfall's answer looks like in the code, and what somebody who does not know better would write instead.

`old` stands exactly once in `file`. With `new` in its place the `test` has to fail: `test_reverts.py` tries the first
revert of each pitfall, `make pitfalls` all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revert:
    """One answer undone: `test` is the end of a file's name in this folder and what its failing tests begin with."""

    why: str
    test: str
    file: str
    old: str
    new: str

    @property
    def pitfall(self) -> str:
        """`p01` and so on."""
        return self.test[:3]


HUBSPOT, SALESFORCE = "connectors/hubspot/", "connectors/salesforce/"
REVERTS: tuple[Revert, ...] = (
    Revert(
        "page by offset",
        "p01_search_cap::test_p01_ten_thousand_results",
        HUBSPOT + "search.py",
        "if after is None or rows:",
        "if after is None:",
    ),
    Revert(
        "stop where a millisecond is full",
        "p01_search_cap::test_p01_ten_thousand_records_of_one_millisecond",
        HUBSPOT + "search.py",
        'return replace(place, floor=last) if last > place.floor else replace(place, last_id="0")',
        "return replace(place, floor=last) if last > place.floor else None",
    ),
    Revert(
        "believe a short answer",
        "p01_search_cap::test_p01_fewer_rows",
        HUBSPOT + "search.py",
        "if next_after(page) is None and have + len(rows) < total:",
        "if next_after(page) is None and have + len(rows) < 0:",
    ),
    Revert(
        "no look back",
        "p02_search_lag::test_p02_an_edit",
        HUBSPOT + "pulls.py",
        "safe = min(from_millis(upto), from_millis(position.started) - self._overlap)",
        "safe = from_millis(upto)",
    ),
    Revert(
        "no sweep: links of changed records only",
        "p03_associations::test_p03",
        "sync/streams.py",
        "return last is None or last.started_at + every * 0.95 <= now",
        "return last is None",
    ),
    Revert(
        "the first company listed",
        "p04_primary::test_p04",
        HUBSPOT + "links.py",
        "ranked = sorted(targets, key=lambda to_id: (_rank(targets[to_id]), len(to_id), to_id))",
        "ranked = sorted(targets, key=lambda to_id: (len(to_id), to_id))",
    ),
    Revert(
        "any link will do",
        "p04_primary::test_p04",
        "mapping/normalise.py",
        "key=lambda link: (not link.primary, len(link.to_id), link.to_id)",
        "key=lambda link: (len(link.to_id), link.to_id)",
    ),
    Revert(
        "increments by search alone",
        "p05_archived::test_p05_an_increment",
        HUBSPOT + "pulls.py",
        "records = archived_since(page.rows, position.fresh)",
        "records = archived_since([], position.fresh)",
    ),
    Revert(
        "increments by a plain query",
        "p05_archived::test_p05_an_increment",
        SALESFORCE + "read.py",
        "walk = Walk(source.object, fields, where, BY_STAMP, include_deleted=True, optional=stream.optional)",
        "walk = Walk(source.object, fields, where, BY_STAMP, include_deleted=False, optional=stream.optional)",
    ),
    Revert(
        "the whole archive each time",
        "p06_archived_rounds::test_p06",
        HUBSPOT + "pulls.py",
        'most = None if position.since is None or position.archive == "all" else self._archived_pages',
        "most = None",
    ),
    Revert(
        "the first pages each time",
        "p06_archived_rounds::test_p06",
        HUBSPOT + "pulls.py",
        "carry=round_.carried(position.since),",
        "carry=None,",
    ),
    Revert(
        "merged ids are not told",
        "p07_merges::test_p07",
        HUBSPOT + "records.py",
        "merged_from=tuple(one for one in _split(properties.get(MERGED)) if one != own),",
        "merged_from=(),",
    ),
    Revert(
        "MasterRecordId is not read",
        "p07_merges::test_p07",
        SALESFORCE + "records.py",
        "merged_into=to18(str(survivor)) if survivor and is_id(str(survivor)) else None,",
        "merged_into=None,",
    ),
    Revert(
        "children wait for the next sweep of links",
        "p07_merges::test_p07",
        "sync/normalise.py",
        "refs.setdefault(from_id, {})[field_name] = merged.get(target, target)",
        "refs.setdefault(from_id, {})[field_name] = target",
    ),
    Revert(
        "no full read on a schedule",
        "p08_hard_deletes::test_p08",
        "sync/streams.py",
        'every = stream.full_every or (LINK_SWEEP if stream.kind == "links" else None)',
        'every = LINK_SWEEP if stream.kind == "links" else None',
    ),
    Revert(
        "rows vanish without a word",
        "p08_hard_deletes::test_p08",
        "sync/pull_records.py",
        'if gone and work.stream.kind == "records":',
        'if gone and work.stream.kind == "nothing":',
    ),
    Revert(
        "formulas like any field",
        "p09_silent_values::test_p09_salesforce",
        SALESFORCE + "streams.py",
        "cadences = (self._pull.full_every_hours, self._pull.formula_every_hours if silent else 0)",
        "cadences = (self._pull.full_every_hours, 0)",
    ),
    Revert(
        "increments for ever",
        "p09_silent_values::test_p09_hubspot",
        HUBSPOT + "connector.py",
        "full_every=self._records_every)",
        "full_every=None)",
    ),
    Revert(
        "nobody looks at definitions",
        "p10_new_fields::test_p10_hubspot_a_new",
        "sync/engine.py",
        "    note_schema_changes(session)\n",
        "    session.renewed_at += 0\n",
    ),
    Revert(
        "the same stream whatever is asked of it",
        "p10_new_fields::test_p10",
        "sync/streams.py",
        'stream.ids_from or "", *sorted(stream.properties)]',
        'stream.ids_from or ""]',
    ),
    Revert(
        "everything in the address",
        "p11_many_properties::test_p11_no_address",
        HUBSPOT + "read.py",
        "LONGEST_QUERY = 6_000\n",
        "LONGEST_QUERY = 6_000_000\n",
    ),
    Revert(
        "drop what does not fit",
        "p12_nothing_dropped::test_p12_every_one",
        HUBSPOT + "read.py",
        "if wide and page.rows:",
        "if wide and not page.rows:",
    ),
    Revert(
        "drop what a search does not take",
        "p12_nothing_dropped::test_p12_too_many",
        HUBSPOT + "search.py",
        "return self._reader.completed(kind, rows, properties)",
        "return rows",
    ),
    Revert(
        "try again instead of ending the run",
        "p13_quota::test_p13_at_the_daily_limit",
        HUBSPOT + "client.py",
        "Action.STOP_UNTIL_RESET: lambda: self._exhausted(message),",
        "Action.STOP_UNTIL_RESET: lambda: RetryLater(message, wait=30.0),",
    ),
    Revert(
        "a used-up quota is a failure like any other",
        "p13_quota::test_p13_at_the_daily_limit",
        "sync/ending.py",
        'return Ending("deferred", EXIT_LATER, error.message',
        'return Ending("failed", EXIT_FAILED, error.message',
    ),
    Revert(
        "from the start each time",
        "p13_quota::test_p13_at_the_daily_limit",
        "sync/streams.py",
        'left.position is not None and (left.mode == "full" or mode == "increment")',
        'left.position is not None and left.mode == "increment"',
    ),
    Revert(
        "use the day up to its end",
        "p13_quota::test_p13_a_reserve",
        HUBSPOT + "quotas.py",
        'return QuotaPolicy(self._portal, "daily", self._daily_limit, DAY, self._limits.reserve)',
        'return QuotaPolicy(self._portal, "daily", self._daily_limit, DAY)',
    ),
    Revert(
        "a job for whatever there is",
        "p14_bulk_jobs::test_p14",
        SALESFORCE + "costs.py",
        "return by_bulk(rows, self._pull).price < by_rest(rows, page).price",
        "return True",
    ),
    Revert(
        "bulk jobs for what must not be one",
        "p15_either_way::test_p15",
        SALESFORCE + "costs.py",
        "if name in self._pull.never_bulk:",
        "if not name:",
    ),
    Revert(
        "REST whatever was asked for",
        "p15_either_way::test_p15",
        SALESFORCE + "costs.py",
        "return True if name in self._pull.always_bulk or self._pull.bulk_from == 0 else None",
        "return None",
    ),
    Revert(
        "behind the last stamp",
        "p16_equal_stamps::test_p16",
        SALESFORCE + "soql.py",
        'return f"(SystemModstamp > {edge} OR (SystemModstamp = {edge} AND Id > {record_id(last_id)}))"',
        'return f"SystemModstamp > {edge}"',
    ),
    Revert(
        "the cursor is the end of the window",
        "p17_late_commits::test_p17_a_row",
        SALESFORCE + "read.py",
        "high_water=position.upper - timedelta(minutes=self._pull.overlap_minutes),",
        "high_water=position.upper,",
    ),
    Revert(
        "read as fast as it comes",
        "p18_flat_memory::test_p18",
        SALESFORCE + "ahead.py",
        "self._changed.wait_for(lambda: self._closed or self._held < self._room)",
        "self._changed.wait_for(lambda: True)",
    ),
    Revert(
        "send, and see whether it was too much",
        "p23_own_limiter::test_p23_a_pull_stays",
        HUBSPOT + "quotas.py",
        "return self._budget.acquire(*policies)",
        'return type("Any", (), {"answered": lambda _: None})()',
    ),
    Revert(
        "try again at once",
        "p23_own_limiter::test_p23_a_429",
        HUBSPOT + "client.py",
        "self.quotas.throttled(request.quota, seconds, secondly=rule.wait == 1.0)",
        "str(seconds)",
    ),
    Revert(
        "a checkpoint a run",
        "p24_bumped_stamps::test_p24_a_read",
        "sync/pull_records.py",
        "epochs.advance(c, work.epoch.id, position=page.position, high_water=page.high_water, rows=len(page.records))",
        "epochs.advance(c, work.epoch.id, position=None, high_water=page.high_water, rows=len(page.records))",
    ),
    Revert(
        "write whatever was computed",
        "p24_bumped_stamps::test_p24_rows",
        "sync/decide.py",
        "    if want == seen:\n",
        "    if want is None and seen is None:\n",
    ),
    Revert(
        "everything each time",
        "p25_true_increments::test_p25",
        "sync/streams.py",
        'return ("full", None) if cursor is None else ("increment", cursor.at)',
        'return ("full", None) if cursor is None else ("full", None)',
    ),
)
PITFALLS: tuple[str, ...] = tuple(f"p{number:02}" for number in (*range(1, 19), *range(23, 26)))
"""The pitfalls that this folder answers."""
