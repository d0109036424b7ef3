"""The conformance suite: what every connector must do, checked against a CRM that can be broken on purpose.

A connector's contract test wraps its sandbox in a `CrmUnderTest` and runs each function of `CHECKS` on a fresh one.
The checks know neither vendor nor test framework; they raise `NotConformant`, an `AssertionError` that says what
the connector did instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, Protocol

from connectors.base import Change, Connector, Outcome, Page, Stream, Window
from connectors.errors import (
    BadAnswer,
    ConnectorError,
    CredentialsError,
    QuotaExhausted,
    RetryLater,
    SchemaDrift,
)
from mapping.records import RawRecord, Ref

Fault = Literal[
    "burst_limit", "daily_limit", "server_error", "truncated", "not_the_api", "answer_lost", "expired_token"
]
"""How a request can fail: throttled for a moment, for the day, 5xx, a cut-off body, an HTML page with status 200,
carried out but without an answer, or refused because its token expired."""

Operation = Literal["read", "write"]


class CrmUnderTest(Protocol):
    """A sandbox CRM that can be broken, with the account stream spread over at least three pages."""

    writable: str
    """Property of the account object that takes a whole number up to 100,000."""
    read_only: str
    """Property of the account object that nobody may write."""
    bad_value: str
    """A value that the CRM refuses for `writable`."""

    def connect(self) -> Connector:
        """A fresh connection whose sleep passes virtual time, with credentials that can be renewed."""
        ...

    def connect_wanting(self, property_name: str) -> Connector:
        """A connection whose configuration explicitly maps a property of the account object."""
        ...

    def connect_with_foreign_links(self) -> Connector:
        """A connection to a CRM whose page links lead to another origin."""
        ...

    def foreign_requests(self) -> int:
        """How many requests reached that other origin."""
        ...

    def live_ids(self) -> frozenset[str]:
        """The truth: ids of the accounts that are there."""
        ...

    def value(self, account_id: str, property_name: str) -> object:
        """The truth: one value."""
        ...

    def requests(self) -> int:
        """How many requests the CRM has received."""
        ...

    def break_requests(self, operation: Operation, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        """Let the next requests for account records fail, from the `nth` on; `times=0` means for ever."""
        ...

    def delete(self, account_id: str) -> None:
        """Delete an account as a person does."""
        ...

    def merge(self, account_id: str, other_id: str) -> str:
        """Merge two accounts as a person does; returns the survivor's id."""
        ...


class NotConformant(AssertionError):
    """A connector broke the contract of `connectors.base`."""


def _require(condition: object, message: str) -> None:
    if not condition:
        raise NotConformant(message)


def accounts(connector: Connector) -> Stream:
    """The stream of account records."""
    found = [one for one in connector.streams() if one.kind == "records" and one.entity == "account"]
    _require(len(found) == 1, f"there must be one account stream, not {len(found)}")
    return found[0]


def _live(pages: Iterable[Page]) -> dict[str, RawRecord]:
    return {record.id: record for page in pages for record in page.records if not _is_gone(record)}


def _is_gone(record: RawRecord) -> bool:
    return record.archived or record.merged_into is not None


def _pull(connector: Connector) -> list[Page]:
    return list(connector.pages(accounts(connector), Window()))


def _expect(error: type[ConnectorError], call: Callable[[], object], what: str) -> ConnectorError:
    try:
        call()
    except error as raised:
        return raised
    except ConnectorError as raised:
        raise NotConformant(f"{what}: raised {type(raised).__name__} ({raised}), not {error.__name__}") from raised
    raise NotConformant(f"{what}: raised nothing, not {error.__name__}")


def _changes(crm: CrmUnderTest, connector: Connector, count: int = 3, value: str = "77") -> list[Change]:
    ids = sorted(crm.live_ids())[:count]
    return [Change(Ref(connector.name, connector.account_object, one), {crm.writable: value}) for one in ids]


def _by_id(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    return {outcome.ref.id: outcome for outcome in outcomes}


def check_full_pull(crm: CrmUnderTest) -> None:
    """A full pull brings every live record, and only its last page is complete and says where to go on."""
    pages = _pull(crm.connect())
    _require(set(_live(pages)) == crm.live_ids(), "a full pull must bring exactly the live records")
    _require([page.complete for page in pages] == [False] * (len(pages) - 1) + [True], "only the last page is complete")
    _require(len(pages) >= 3, "the portfolio must fill several pages")
    _require(pages[-1].high_water is not None, "the last page must carry the next window's beginning")


def check_resume(crm: CrmUnderTest) -> None:
    """From each position a new connection reads exactly what is left."""
    pages = _pull(crm.connect())
    for done, page in enumerate(pages[:-1], 1):
        _require(page.position is not None, "every page but the last must carry a position")
        connector = crm.connect()
        rest = list(connector.pages(accounts(connector), Window(position=page.position)))
        _require(
            set(_live(pages[:done])) | set(_live(rest)) == crm.live_ids(),
            f"resumed after page {done}, records are missing",
        )
        _require(rest[-1].complete, f"resumed after page {done}, the pull did not end complete")


def check_all_ids(crm: CrmUnderTest) -> None:
    """`all_ids` gives every live id once."""
    connector = crm.connect()
    ids = list(connector.all_ids(accounts(connector)))
    _require(len(ids) == len(set(ids)), "all_ids gave an id twice")
    _require(set(ids) == crm.live_ids(), "all_ids must give exactly the live ids")


def check_increment(crm: CrmUnderTest) -> None:
    """An increment brings what changed since, and its window begins before the previous pull's end."""
    connector = crm.connect()
    since = _pull(connector)[-1].high_water
    changed = _changes(crm, connector)
    connector.write(changed)
    pages = list(connector.pages(accounts(connector), Window(since=since)))
    found = _live(pages)
    _require(
        {one.ref.id for one in changed} <= set(found), "an increment must bring records changed after the last pull"
    )
    _require(pages[-1].complete and pages[-1].high_water is not None, "an increment must end complete, with its mark")


def check_increment_resume(crm: CrmUnderTest) -> None:
    """From each position of an increment a new connection reads what is left, and nothing is lost."""
    connector = crm.connect()
    everything = datetime(2000, 1, 1, tzinfo=UTC)
    pages = list(connector.pages(accounts(connector), Window(since=everything)))
    _require(set(_live(pages)) >= crm.live_ids(), "an increment since long ago must bring every live record")
    for done, page in enumerate(pages[:-1], 1):
        fresh = crm.connect()
        rest = list(fresh.pages(accounts(fresh), Window(since=everything, position=page.position)))
        found = set(_live(pages[:done])) | set(_live(rest))
        _require(found >= crm.live_ids(), f"resumed after page {done} of an increment, records are missing")
        _require(rest[-1].complete, f"resumed after page {done}, the increment did not end complete")


def check_burst_limit(crm: CrmUnderTest) -> None:
    """A read that is throttled waits and goes on; a write that is throttled is pending, for it was not done."""
    connector = crm.connect()
    crm.break_requests("read", "burst_limit", nth=2)
    _require(set(_live(_pull(connector))) == crm.live_ids(), "a throttled pull must still bring everything")
    _require(connector.usage().throttled >= 1, "throttled requests must be counted")
    crm.break_requests("write", "burst_limit")
    kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
    _require(kinds == {"pending"}, f"throttled changes must be pending, not {kinds}")


def check_daily_limit(crm: CrmUnderTest) -> None:
    """The daily limit ends reading and writing at once, without another attempt."""
    connector = crm.connect()
    crm.break_requests("read", "daily_limit", times=0)
    _expect(QuotaExhausted, lambda: _pull(connector), "a pull at the daily limit")
    before = crm.requests()
    _expect(QuotaExhausted, lambda: _pull(crm.connect()), "a pull at the daily limit")
    _require(crm.requests() - before <= 12, "the daily limit was answered by hammering")
    crm.break_requests("write", "daily_limit")
    writer = crm.connect()
    changes = _changes(crm, writer)
    _expect(QuotaExhausted, lambda: writer.write(changes), "a write at the daily limit")


def check_expired_token(crm: CrmUnderTest) -> None:
    """A token that expires in the middle is renewed once; one that stays refused is a credentials error."""
    connector = crm.connect()
    crm.break_requests("read", "expired_token", nth=2)
    _require(set(_live(_pull(connector))) == crm.live_ids(), "a pull must survive an expired token")
    crm.break_requests("write", "expired_token")
    outcomes = connector.write(_changes(crm, connector))
    _require({one.kind for one in outcomes} == {"confirmed"}, "a write must survive an expired token")
    crm.break_requests("read", "expired_token", times=0)
    _expect(CredentialsError, lambda: _pull(crm.connect()), "a pull with a token that stays refused")


def check_server_errors(crm: CrmUnderTest) -> None:
    """Reads are tried again, at most three times; a write that met a server error is in doubt and sent once."""
    connector = crm.connect()
    crm.break_requests("read", "server_error", times=2)
    _require(set(_live(_pull(connector))) == crm.live_ids(), "a pull must survive two server errors")
    crm.break_requests("write", "server_error")
    kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
    _require(kinds == {"in_doubt"}, f"changes that met a server error must be in doubt, not {kinds}")
    crm.break_requests("read", "server_error", times=0)
    _expect(RetryLater, lambda: _pull(crm.connect()), "a pull from a server that fails for ever")


def check_lost_answer(crm: CrmUnderTest) -> None:
    """A write whose answer was lost is in doubt although it was carried out, and reading back settles it."""
    connector = crm.connect()
    changes = _changes(crm, connector, value="78")
    crm.break_requests("write", "answer_lost")
    kinds = {outcome.kind for outcome in connector.write(changes)}
    _require(kinds == {"in_doubt"}, f"changes without an answer must be in doubt, not {kinds}")
    for seen in connector.read_values([change.ref for change in changes], [crm.writable]):
        value = seen.values.get(crm.writable)
        _require(
            str(value).removesuffix(".0") == "78", f"reading back must show the value that was written, not {value!r}"
        )


def check_partial_batch(crm: CrmUnderTest) -> None:
    """One bad row is rejected with its reason and property; the others are written; each change has one outcome."""
    connector = crm.connect()
    changes = _changes(crm, connector, count=5, value="79")
    bad = Change(changes[2].ref, {crm.writable: crm.bad_value})
    outcomes = connector.write([*changes[:2], bad, *changes[3:]])
    found = _by_id(outcomes)
    _require(len(outcomes) == len(found) == 5, "each change must have exactly one outcome")
    rejected = found[bad.ref.id]
    _require(rejected.kind == "rejected" and rejected.reason, f"the bad row must be rejected with a reason: {rejected}")
    _require(rejected.property == crm.writable, f"the bad row must name its property, not {rejected.property!r}")
    for change in (*changes[:2], *changes[3:]):
        _require(found[change.ref.id].kind == "confirmed", f"good rows must be written: {found[change.ref.id]}")
        _require(
            str(crm.value(change.ref.id, crm.writable)).removesuffix(".0") == "79", "a confirmed value is not there"
        )


def check_deleted_record(crm: CrmUnderTest) -> None:
    """A record deleted meanwhile is gone for the writer, missing for the reader, and told by the next increment."""
    connector = crm.connect()
    since = _pull(connector)[-1].high_water
    changes = _changes(crm, connector)
    victim = changes[1].ref
    crm.delete(victim.id)
    found = _by_id(connector.write(changes))
    _require(found[victim.id].kind == "gone", f"a deleted record must be gone, not {found[victim.id]}")
    _require(found[changes[0].ref.id].kind == "confirmed", "the other records must be written")
    seen = {one.ref.id: one for one in connector.read_values([one.ref for one in changes], [crm.writable])}
    _require(seen[victim.id].missing and not seen[changes[0].ref.id].missing, "only the deleted record must be missing")
    records = [r for page in connector.pages(accounts(connector), Window(since=since)) for r in page.records]
    _require(
        any(r.id == victim.id and _is_gone(r) for r in records), "an increment must tell that a record was deleted"
    )


def check_merged_record(crm: CrmUnderTest) -> None:
    """The loser of a merge is gone and points to the survivor; the pull tells which ids the survivor absorbed."""
    connector = crm.connect()
    changes = _changes(crm, connector)
    loser = changes[1].ref
    survivor = crm.merge(changes[0].ref.id, loser.id)
    found = _by_id(connector.write([changes[1], changes[2]]))
    _require(
        (found[loser.id].kind, found[loser.id].merged_into) == ("gone", survivor),
        f"a merged record must be gone with its survivor {survivor}: {found[loser.id]}",
    )
    seen = connector.read_values([loser], [crm.writable])[0]
    _require(seen.missing and seen.merged_into == survivor, f"reading a merged record must name its survivor: {seen}")
    records = {r.id: r for page in _pull(connector) for r in page.records}
    told = loser.id in records[survivor].merged_from or (
        loser.id in records and records[loser.id].merged_into == survivor
    )
    _require(told, "a pull must tell that a record was merged")


def check_unknown_property(crm: CrmUnderTest) -> None:
    """An unknown property in the configuration is a schema drift, and in a change a rejected row."""
    name = "no_such_property_1"
    _expect(SchemaDrift, lambda: _pull(crm.connect_wanting(name)), "a pull that wants a property that is not there")
    _check_refused(crm, name)


def check_read_only_property(crm: CrmUnderTest) -> None:
    """A change of a read-only property is rejected; the row beside it is written."""
    _check_refused(crm, crm.read_only)


def _check_refused(crm: CrmUnderTest, name: str) -> None:
    connector = crm.connect()
    good, bad = _changes(crm, connector, count=2, value="80")
    found = _by_id(connector.write([good, Change(bad.ref, {name: "2"})]))
    _require(found[bad.ref.id].kind == "rejected", f"a change of {name} must be rejected: {found[bad.ref.id]}")
    _require(found[bad.ref.id].property == name, f"the rejected row must name {name}: {found[bad.ref.id]}")
    _require(found[good.ref.id].kind == "confirmed", f"the good row must be written: {found[good.ref.id]}")


def check_broken_answers(crm: CrmUnderTest) -> None:
    """A truncated body or an HTML page is never data: read again, then an error; after a write it is a doubt."""
    for fault in ("truncated", "not_the_api"):
        connector = crm.connect()
        crm.break_requests("read", fault, nth=2)
        _require(set(_live(_pull(connector))) == crm.live_ids(), f"a pull must survive one answer that is {fault}")
        crm.break_requests("write", fault)
        kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
        _require(kinds == {"in_doubt"}, f"changes whose answer was {fault} must be in doubt, not {kinds}")
    crm.break_requests("read", "truncated", times=0)
    _expect(BadAnswer, lambda: _pull(crm.connect()), "a pull whose answers are always truncated")


def check_foreign_link(crm: CrmUnderTest) -> None:
    """A link to another origin is never followed: the pull ignores it or fails."""
    connector = crm.connect_with_foreign_links()
    try:
        complete = set(_live(_pull(connector))) == crm.live_ids()
    except BadAnswer:
        complete = True
    _require(crm.foreign_requests() == 0, "a request, and with it the token, went to a foreign origin")
    _require(complete, "a foreign link must not cost records silently")


CHECKS: Mapping[str, Callable[[CrmUnderTest], None]] = MappingProxyType(
    {
        name.removeprefix("check_"): check
        for name, check in list(globals().items())
        if name.startswith("check_") and callable(check)
    }
)
"""Every check by name, for instance `resume`."""
