"""The list of accounts: searched, filtered, sorted, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from dashboard.web.listing import Slice, Sort, Wanted
from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.shared import AccountLine, account_line, bands_of
from store import alerts

MOST_PEOPLE = 1_000
"""So many names are offered to choose from."""
Value = Annotated[str, StringConstraints(max_length=200)]


class AccountsAsked(Asked):
    """`q` is part of a name, a domain or a CRM id; `after` is what the page before gave as `next`."""

    q: Value = ""
    band: tuple[Value, ...] = ()
    stage: tuple[Value, ...] = ()
    segment: tuple[Value, ...] = ()
    renewal: tuple[Value, ...] = ()
    person: tuple[Value, ...] = ()
    sort: Sort = "urgent"
    limit: int = Field(default=50, ge=1, le=500)
    after: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class Choice(View):
    """A value to filter by."""

    value: str
    label: str


class Choices(View):
    """What can be filtered by; `more_people` where there are too many for a list, so that a name has to be typed."""

    band: tuple[Choice, ...]
    stage: tuple[Choice, ...]
    segment: tuple[Choice, ...]
    renewal: tuple[Choice, ...]
    person: tuple[Choice, ...]
    more_people: bool


class AccountsView(View):
    """A page of the list; `matching` counts all that were asked for, `next` is `after` of the next page."""

    as_of: datetime | None
    matching: int
    bands: dict[str, int]
    accounts: tuple[AccountLine, ...]
    next: str | None
    choices: Choices


def accounts(look: Look, asked: AccountsAsked) -> AccountsView:
    """Raises NotFound for an `after` that leads nowhere."""
    found = look.portfolio
    among = {name: getattr(asked, name) for name in ("band", "stage", "segment", "renewal", "person")}
    wanted = Wanted(asked.q, among)
    counts: dict[str, int] = {}
    part = Slice((), None)
    if found is not None:
        try:
            part = found.listing.find(wanted, asked.sort, after=asked.after, limit=asked.limit)
        except ValueError as error:
            raise NotFound(f"The parameter after {error}.", "Open /accounts.") from None
        counts = found.listing.bands(wanted)
    standing = alerts.standing_on(look.c, look.ws, [row["account_id"] for row in part.rows])
    return AccountsView(
        as_of=found.as_of if found is not None else None,
        matching=sum(counts.values()),
        bands=counts,
        accounts=tuple(account_line(look, row, standing) for row in part.rows),
        next=part.after,
        choices=_choices(look, found.listing.people(MOST_PEOPLE + 1) if found is not None else []),
    )


def _choices(look: Look, people: list[str]) -> Choices:
    values = look.words.values

    def of(column: str) -> tuple[Choice, ...]:
        return tuple(Choice(value=one, label=str(look.words.label(column, one))) for one in values.get(column, {}))

    return Choices(
        band=tuple(Choice(value=one, label=text) for one, text in bands_of(look)),
        stage=of("lifecycle_stage"),
        segment=of("segment"),
        renewal=of("renewal_status"),
        person=tuple(Choice(value=one, label=one) for one in people[:MOST_PEOPLE]),
        more_people=len(people) > MOST_PEOPLE,
    )


PAGE = Page("/accounts", "Accounts", "accounts.html", accounts, AccountsAsked, nav="Accounts")
