"""One account: why its score is what it is, how it came there, what happened, what was written where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dashboard import alerts as alert_lines
from dashboard.conflicts import state_of
from dashboard.web.charts import Chart
from dashboard.web.crmpages import CrmPages
from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.account_charts import history, waterfall
from dashboard.web.pages.held import HeldRecord, RefusedRecord, held_records, refused_records
from dashboard.web.pages.shared import AccountLine, account_line, label
from mapping.accounts import assign_children, precedence_of
from mapping.canonical import display
from mapping.framework import Framework
from mapping.outputs import output_fields
from store import alerts, evaluations, failures, frames, identity, ledger, portfolio
from store.failures import Failure
from store.identity import AccountLink
from store.portfolio import Moment

MOST_MOMENTS = 1_000
MOST_ROWS = 20


class AccountAsked(Asked):
    """Which account."""

    account_id: str


class Record(View):
    """A CRM record that is this account; `how` names the rule that joined it, `url` opens it in the CRM."""

    connection: str
    object: str
    id: str
    how: str
    writable: bool
    url: str | None


class Value(View):
    """A computed value; `display` is how people read it."""

    field: str
    label: str
    value: str | None
    display: str


class MetricLine(View):
    """A metric of the score: its value, its points from 0 to 100, what it weighs and what it loses, in points."""

    component: str
    metric: str
    value: str | float | None
    points: float | None
    weight: float | None
    loss: float | None
    missing: str | None


class Stage(View):
    """A stage that the account was in, from its first evaluation in it on."""

    stage: str | None
    label: str
    since: date
    score: float | None


class Ticket(View):
    """A ticket; open without `closed_at`."""

    id: str
    subject: str | None
    created_at: datetime | None
    closed_at: datetime | None
    priority: str | None
    is_escalated: bool | None


class Meeting(View):
    """A meeting; without an outcome it took place once it had begun."""

    id: str
    title: str | None
    starts_at: datetime | None
    outcome: str | None
    type: str | None


class Term(View):
    """A contract term."""

    id: str
    start_at: date | None
    end_at: date | None
    status: str | None
    arr: Decimal | None
    currency: str | None
    auto_renew: bool | None
    cancel_notice_at: date | None


class Written(View):
    """The last value that Keepwell wrote to a property; `verified_at` is when it was read back."""

    connection: str
    record_id: str
    property: str
    field: str
    before: str | None
    written: str | None
    because: str
    run_id: str
    written_at: datetime
    verified_at: datetime | None


class AlertLine(View):
    """An alert that stands."""

    id: int
    label: str
    state: str
    because: str
    owner: str
    owner_name: str | None
    raised_at: datetime
    due_at: datetime | None
    overdue: bool
    to_do: str


class AccountView(View):
    """An account; what was computed is that of `evaluated_at`, `gone` when it is in no CRM any more."""

    account: AccountLine
    gone: bool
    evaluated_at: datetime
    model_version: str
    run_id: str
    records: tuple[Record, ...]
    reasons: tuple[str, ...]
    values: tuple[Value, ...]
    score: Chart | None
    metrics: tuple[MetricLine, ...]
    history: Chart | None
    stages: tuple[Stage, ...]
    alerts: tuple[AlertLine, ...]
    tickets: tuple[Ticket, ...]
    open_tickets: int
    meetings: tuple[Meeting, ...]
    terms: tuple[Term, ...]
    written: tuple[Written, ...]
    held: tuple[HeldRecord, ...]
    refused: tuple[RefusedRecord, ...]


def account(look: Look, asked: AccountAsked) -> AccountView:
    """Raises NotFound for an account that was never evaluated."""
    moments = portfolio.timeline(look.c, look.ws, asked.account_id, MOST_MOMENTS)
    if not moments:
        raise NotFound(
            f"No account {asked.account_id} was ever evaluated.", "Search for a part of its name: /accounts."
        )
    last = moments[-1]
    found = look.portfolio
    row = found.listing.one(asked.account_id) if found is not None else None
    document = dict(evaluations.outputs(look.c, look.ws, [last.id]))[last.id]
    healths = dict(evaluations.healths(look.c, look.ws, [last.id]))
    health = healths.get(last.id, {"metrics": [], "unrounded": None})
    links = identity.links(look.c, look.ws, [asked.account_id])
    standing = alerts.standing_on(look.c, look.ws, [asked.account_id])
    tickets, open_tickets = _tickets(look, asked.account_id, links)
    values: Mapping[str, str | None] = document["values"]
    pages = CrmPages(look.c, look.settings)
    undecided = [one for one in look.held.by_account.get(asked.account_id, ()) if state_of(one) != "accepted"]
    return AccountView(
        account=account_line(look, row or _unlisted(asked.account_id, last, values), standing),
        gone=not last.is_current,
        evaluated_at=last.as_of,
        model_version=last.model_version,
        run_id=last.run_id,
        records=tuple(_record(one, pages) for one in links),
        reasons=tuple(one for one in (values.get("health_reasons") or "").split("; ") if one),
        values=tuple(_values(look.framework, values)),
        score=waterfall(look.framework, health),
        metrics=tuple(_metrics(look.framework, health["metrics"])),
        history=history(moments, look.zone, look.now),
        stages=tuple(_stages(look, moments)),
        alerts=tuple(_alerts(look, asked.account_id)),
        tickets=tickets,
        open_tickets=open_tickets,
        meetings=_meetings(look, asked.account_id, links),
        terms=_terms(look, asked.account_id, links),
        written=tuple(_written(look, links)),
        held=held_records(look, undecided),
        refused=refused_records(look, list(_refused(look, links))),
    )


def _unlisted(account_id: str, last: Moment, values: Mapping[str, str | None]) -> dict[str, Any]:
    """An account that the catalogue does not have: it is gone, or it is newer than that."""
    nothing = ("domain", "change", "coverage", "person", "arr", "currency")
    named = ("segment", "renewal_status")
    return {
        "account_id": account_id,
        "name": account_id,
        "score": last.score,
        "band": last.band,
        "stage": last.stage,
        "reasons": values.get("health_reasons"),
        **dict.fromkeys(nothing),
        **{name: values.get(name) for name in named},
    }


def _record(link: AccountLink, pages: CrmPages) -> Record:
    return Record(
        connection=link.connection,
        object=link.object,
        id=link.crm_id,
        how=link.how,
        writable=link.writable,
        url=pages.of(link.connection, link.object, link.crm_id),
    )


def _values(framework: Framework, values: Mapping[str, str | None]) -> Iterator[Value]:
    for spec in output_fields(framework):
        if spec.writable and spec.name in values:
            value = values[spec.name]
            yield Value(field=spec.name, label=spec.label, value=value, display=display(spec, value))


def _metrics(framework: Framework, metrics: Iterable[Mapping[str, Any]]) -> Iterator[MetricLine]:
    known = {
        metric.id: (component.label or component.id, metric.label or metric.id)
        for component in framework.spec.score.components
        for metric in component.metrics
    }
    for one in metrics:
        component, name = known.get(one["id"], ("earlier framework", one["id"]))
        yield MetricLine(
            component=component,
            metric=name,
            value=one["value"],
            points=one["counted_points"],
            weight=one["weight"],
            loss=one["loss"],
            missing=one["missing"],
        )


def _stages(look: Look, moments: Sequence[Moment]) -> Iterator[Stage]:
    """The stages, the last one first."""
    found: list[Moment] = []
    for one in moments:
        if not found or found[-1].stage != one.stage:
            found.append(one)
    for one in reversed(found):
        yield Stage(
            stage=one.stage,
            label=label(look, "lifecycle_stage", one.stage) or "No stage",
            since=one.as_of.astimezone(look.zone).date(),
            score=one.score,
        )


def _alerts(look: Look, account_id: str) -> Iterator[AlertLine]:
    wanted = alerts.Wanted(account_id=account_id)
    found = alerts.listed(look.c, look.ws, wanted, limit=MOST_ROWS)
    for row in alert_lines.lines(look.c, look.ws, look.framework, found, look.now):
        yield AlertLine(**{name: row[name] for name in AlertLine.model_fields})


def _children(
    look: Look, entity: str, account_id: str, links: Sequence[AccountLink], order: Sequence[str]
) -> list[dict[str, Any]]:
    """The account's rows of an entity, those of the CRM that counts, by some columns downwards."""
    types = {name: str(getattr(one, "type", "")) for name, one in look.settings.connections.items()}
    precedence = precedence_of(types, look.settings.policy.precedence)
    rows = frames.frame(look.c, look.ws, entity, account_ids=[account_id])
    mine = assign_children(rows, identity.link_frame(look.c, look.ws, [account_id]), entity, precedence)
    return mine.sort(*order, descending=True, nulls_last=True).rows(named=True) if links else []


def _tickets(look: Look, account_id: str, links: Sequence[AccountLink]) -> tuple[tuple[Ticket, ...], int]:
    """The open tickets, then those that were closed, the newest first; and how many are open."""
    rows = _children(look, "ticket", account_id, links, ["created_at"])
    rows.sort(key=lambda row: row["closed_at"] is not None)
    return tuple(_row(Ticket, row) for row in rows[:MOST_ROWS]), sum(row["closed_at"] is None for row in rows)


def _meetings(look: Look, account_id: str, links: Sequence[AccountLink]) -> tuple[Meeting, ...]:
    return tuple(_row(Meeting, row) for row in _children(look, "meeting", account_id, links, ["starts_at"])[:MOST_ROWS])


def _terms(look: Look, account_id: str, links: Sequence[AccountLink]) -> tuple[Term, ...]:
    rows = _children(look, "contract", account_id, links, ["end_at", "start_at"])
    return tuple(_row(Term, row) for row in rows[:MOST_ROWS])


def _row(model: type[Any], row: Mapping[str, Any]) -> Any:
    return model(**{name: row[name] for name in model.model_fields})


def _written(look: Look, links: Iterable[AccountLink]) -> Iterator[Written]:
    for link in links:
        found = ledger.ledger_for(look.c, look.ws, link.connection, link.object, [link.crm_id])
        for _, one in sorted(found.items()):
            yield Written(**{name: getattr(one, name) for name in Written.model_fields})


def _refused(look: Look, links: Iterable[AccountLink]) -> Iterator[Failure]:
    for link in links:
        yield from failures.of_records(look.c, look.ws, link.connection, link.object, [link.crm_id]).values()


PAGE = Page("/accounts/{account_id}", "Account", "account.html", account, AccountAsked)
