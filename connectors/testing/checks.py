"""The checks themselves; those about going on where a pull stopped are in `resume`, who changed what in `witness`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connectors.base import Change, Connector, Outcome, Page, Window
from connectors.errors import (
    BadAnswer,
    ConnectorError,
    CredentialsError,
    QuotaExhausted,
    RetryLater,
    SchemaDrift,
)
from connectors.testing.crm import CrmUnderTest, NotConformant, accounts, is_gone, live, require
from mapping.records import Ref


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
    require(set(live(pages)) == crm.live_ids(), "a full pull must bring exactly the live records")
    require([page.complete for page in pages] == [False] * (len(pages) - 1) + [True], "only the last page is complete")
    require(len(pages) >= 3, "the portfolio must fill several pages")
    require(pages[-1].high_water is not None, "the last page must carry the next window's beginning")


def check_all_ids(crm: CrmUnderTest) -> None:
    """`all_ids` gives every live id once."""
    connector = crm.connect()
    ids = list(connector.all_ids(accounts(connector)))
    require(len(ids) == len(set(ids)), "all_ids gave an id twice")
    require(set(ids) == crm.live_ids(), "all_ids must give exactly the live ids")


def check_increment(crm: CrmUnderTest) -> None:
    """An increment brings what changed since, and its window begins before the previous pull's end."""
    connector = crm.connect()
    since = _pull(connector)[-1].high_water
    changed = _changes(crm, connector)
    connector.write(changed)
    pages = list(connector.pages(accounts(connector), Window(since=since)))
    found = live(pages)
    require(
        {one.ref.id for one in changed} <= set(found), "an increment must bring records changed after the last pull"
    )
    require(pages[-1].complete and pages[-1].high_water is not None, "an increment must end complete, with its mark")


def check_burst_limit(crm: CrmUnderTest) -> None:
    """A read that is throttled waits and goes on; a write that is throttled is pending, for it was not done."""
    connector = crm.connect()
    crm.break_requests("read", "burst_limit", nth=2)
    require(set(live(_pull(connector))) == crm.live_ids(), "a throttled pull must still bring everything")
    require(connector.usage().throttled >= 1, "throttled requests must be counted")
    crm.break_requests("write", "burst_limit")
    kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
    require(kinds == {"pending"}, f"throttled changes must be pending, not {kinds}")


def check_daily_limit(crm: CrmUnderTest) -> None:
    """The daily limit ends reading and writing at once, without another attempt."""
    connector = crm.connect()
    crm.break_requests("read", "daily_limit", times=0)
    _expect(QuotaExhausted, lambda: _pull(connector), "a pull at the daily limit")
    before = crm.requests()
    _expect(QuotaExhausted, lambda: _pull(crm.connect()), "a pull at the daily limit")
    require(crm.requests() - before <= 12, "the daily limit was answered by hammering")
    crm.break_requests("write", "daily_limit")
    writer = crm.connect()
    changes = _changes(crm, writer)
    _expect(QuotaExhausted, lambda: writer.write(changes), "a write at the daily limit")


def check_expired_token(crm: CrmUnderTest) -> None:
    """A token that expires in the middle is renewed once; one that stays refused is a credentials error."""
    connector = crm.connect()
    crm.break_requests("read", "expired_token", nth=2)
    require(set(live(_pull(connector))) == crm.live_ids(), "a pull must survive an expired token")
    crm.break_requests("write", "expired_token")
    outcomes = connector.write(_changes(crm, connector))
    require({one.kind for one in outcomes} == {"confirmed"}, "a write must survive an expired token")
    crm.break_requests("read", "expired_token", times=0)
    _expect(CredentialsError, lambda: _pull(crm.connect()), "a pull with a token that stays refused")


def check_server_errors(crm: CrmUnderTest) -> None:
    """Reads are tried again, at most three times; a write that met a server error is in doubt and sent once."""
    connector = crm.connect()
    crm.break_requests("read", "server_error", times=2)
    require(set(live(_pull(connector))) == crm.live_ids(), "a pull must survive two server errors")
    crm.break_requests("write", "server_error")
    kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
    require(kinds == {"in_doubt"}, f"changes that met a server error must be in doubt, not {kinds}")
    crm.break_requests("read", "server_error", times=0)
    _expect(RetryLater, lambda: _pull(crm.connect()), "a pull from a server that fails for ever")


def check_lost_answer(crm: CrmUnderTest) -> None:
    """A write whose answer was lost is in doubt although it was carried out, and reading back settles it."""
    connector = crm.connect()
    changes = _changes(crm, connector, value="78")
    crm.break_requests("write", "answer_lost")
    kinds = {outcome.kind for outcome in connector.write(changes)}
    require(kinds == {"in_doubt"}, f"changes without an answer must be in doubt, not {kinds}")
    for seen in connector.read_values([change.ref for change in changes], [crm.writable]):
        value = seen.values.get(crm.writable)
        require(
            str(value).removesuffix(".0") == "78", f"reading back must show the value that was written, not {value!r}"
        )


def check_partial_batch(crm: CrmUnderTest) -> None:
    """One bad row is rejected with its reason and property; the others are written; each change has one outcome."""
    connector = crm.connect()
    changes = _changes(crm, connector, count=5, value="79")
    bad = Change(changes[2].ref, {crm.writable: crm.bad_value})
    outcomes = connector.write([*changes[:2], bad, *changes[3:]])
    found = _by_id(outcomes)
    require(len(outcomes) == len(found) == 5, "each change must have exactly one outcome")
    rejected = found[bad.ref.id]
    require(rejected.kind == "rejected" and rejected.reason, f"the bad row must be rejected with a reason: {rejected}")
    require(rejected.property == crm.writable, f"the bad row must name its property, not {rejected.property!r}")
    for change in (*changes[:2], *changes[3:]):
        require(found[change.ref.id].kind == "confirmed", f"good rows must be written: {found[change.ref.id]}")
        require(
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
    require(found[victim.id].kind == "gone", f"a deleted record must be gone, not {found[victim.id]}")
    require(found[changes[0].ref.id].kind == "confirmed", "the other records must be written")
    seen = {one.ref.id: one for one in connector.read_values([one.ref for one in changes], [crm.writable])}
    require(seen[victim.id].missing and not seen[changes[0].ref.id].missing, "only the deleted record must be missing")
    records = [r for page in connector.pages(accounts(connector), Window(since=since)) for r in page.records]
    require(any(r.id == victim.id and is_gone(r) for r in records), "an increment must tell that a record was deleted")


def check_merged_record(crm: CrmUnderTest) -> None:
    """The loser of a merge is gone and points to the survivor; the pull tells which ids the survivor absorbed."""
    connector = crm.connect()
    changes = _changes(crm, connector)
    loser = changes[1].ref
    survivor = crm.merge(changes[0].ref.id, loser.id)
    found = _by_id(connector.write([changes[1], changes[2]]))
    require(
        (found[loser.id].kind, found[loser.id].merged_into) == ("gone", survivor),
        f"a merged record must be gone with its survivor {survivor}: {found[loser.id]}",
    )
    seen = connector.read_values([loser], [crm.writable])[0]
    require(seen.missing and seen.merged_into == survivor, f"reading a merged record must name its survivor: {seen}")
    records = {r.id: r for page in _pull(connector) for r in page.records}
    told = loser.id in records[survivor].merged_from or (
        loser.id in records and records[loser.id].merged_into == survivor
    )
    require(told, "a pull must tell that a record was merged")


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
    require(found[bad.ref.id].kind == "rejected", f"a change of {name} must be rejected: {found[bad.ref.id]}")
    require(found[bad.ref.id].property == name, f"the rejected row must name {name}: {found[bad.ref.id]}")
    require(found[good.ref.id].kind == "confirmed", f"the good row must be written: {found[good.ref.id]}")


def check_broken_answers(crm: CrmUnderTest) -> None:
    """A truncated body or an HTML page is never data: read again, then an error; after a write it is a doubt."""
    for fault in ("truncated", "not_the_api"):
        connector = crm.connect()
        crm.break_requests("read", fault, nth=2)
        require(set(live(_pull(connector))) == crm.live_ids(), f"a pull must survive one answer that is {fault}")
        crm.break_requests("write", fault)
        kinds = {outcome.kind for outcome in connector.write(_changes(crm, connector))}
        require(kinds == {"in_doubt"}, f"changes whose answer was {fault} must be in doubt, not {kinds}")
    crm.break_requests("read", "truncated", times=0)
    _expect(BadAnswer, lambda: _pull(crm.connect()), "a pull whose answers are always truncated")


def check_foreign_link(crm: CrmUnderTest) -> None:
    """A link to another origin is never followed: the pull ignores it or fails."""
    connector = crm.connect_with_foreign_links()
    try:
        complete = set(live(_pull(connector))) == crm.live_ids()
    except BadAnswer:
        complete = True
    require(crm.foreign_requests() == 0, "a request, and with it the token, went to a foreign origin")
    require(complete, "a foreign link must not cost records silently")
