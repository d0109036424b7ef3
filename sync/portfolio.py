"""The frames of some accounts, out of the store: merged accounts, their children, their own history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from mapping.accounts import LINKS, Precedence, assign_children, merge_accounts, precedence_of
from mapping.frames import Frames
from mapping.framework import Framework
from mapping.records import ENTITIES
from mapping.schema import HISTORY, STAGE_HISTORY
from mapping.touches import OWNERS, PEOPLE
from store import epochs, frames, identity, marks
from store.identity import AccountLink
from sync.owned import account_stream
from sync.session import Session
from sync.standing import history_of, standing_at

LOOK_BACK = timedelta(days=120)
"""How much score history an evaluation is given; trends compare about a month."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What all slices of one evaluation share."""

    session: Session
    precedence: Precedence
    feeds: Mapping[str, frozenset[str]]
    not_connected: Mapping[str, frozenset[str]]
    evaluated_last: str | None
    frameworks: tuple[Framework, ...]
    besides: frozenset[str] = frozenset()
    filled: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, session: Session, *, asking: bool = True, also: Framework | None = None,
        besides: frozenset[str] = frozenset(), whole: bool = False,
    ) -> Portfolio:  # fmt: skip
        """Read what concerns all accounts: feeds, gaps of the CRMs, when all were evaluated last.

        Without `asking`, feeds and gaps are those of the last run, and no CRM is asked anything. `also` is a framework
        that the frames are for besides the one in force; `besides` are entities that are read whether or not one of
        them has a fact of it. `whole` is for whoever goes through all accounts while no record can come in: columns
        that are empty throughout are then looked for once and not read.
        """
        deps = session.deps
        types = {name: connector.type for name, connector in deps.connectors.items()}
        known = {name: _asked(session, name) if asking else _remembered(session, name) for name in deps.connectors}
        with deps.store.read() as c:
            last = marks.mark(c, session.ws, marks.EVALUATED_LAST)
            filled = {name: frames.filled(c, session.ws, name) for name in _PULLED} if whole else {}
        return cls(
            session=session,
            precedence=precedence_of(types, deps.settings.policy.precedence),
            feeds={name: fed for name, (fed, _) in known.items()},
            not_connected={name: lacking for name, (_, lacking) in known.items()},
            evaluated_last=last,
            frameworks=(deps.framework,) if also is None else (deps.framework, also),
            besides=besides,
            filled=filled,
        )

    def links(self, account_ids: Sequence[str]) -> pl.DataFrame:
        """Links of these accounts as account_id, connection, crm_id."""
        with self.session.deps.store.read() as c:
            return identity.link_frame(c, self.session.ws, account_ids).select(list(LINKS))

    def frames(self, account_ids: Sequence[str]) -> Frames:
        """Everything that an evaluation of these accounts reads."""
        return self.frames_with(self.links(account_ids), account_ids, account_ids)

    def frames_with(self, links: pl.DataFrame, account_ids: Sequence[str], stored_under: Sequence[str]) -> Frames:
        """The same for accounts that do not have their records yet: `links` are what they would be made of.

        `stored_under` are the accounts that have those records now.
        """
        store, ws = self.session.deps.store, self.session.ws
        with store.read() as c:
            found = {
                name: frames.frame(c, ws, name, account_ids=stored_under, fields=self.filled.get(name))
                for name in self._entities()
            }
        accounts = merge_accounts(
            found["account"], links, self.precedence, feeds=self.feeds, not_connected=self.not_connected
        )

        def children(entity: str) -> pl.DataFrame:
            return assign_children(found[entity], links, entity, self.precedence)

        return Frames(
            accounts=accounts,
            deals=children("deal"),
            tickets=children("ticket"),
            meetings=children("meeting"),
            attendances=found["attendance"],
            contracts=children("contract"),
            milestones=children("milestone"),
            **{name: children(entity) for name, entity in _IF_ASKED.items() if entity in found},
            rates=self.session.deps.rates,
            history=self._history(account_ids),
            stage_history=self._stages(account_ids),
        )

    def people(self, account_ids: Sequence[str]) -> pl.DataFrame:
        """Who looks after these accounts, one row a record of theirs (`mapping.touches.PEOPLE`)."""
        links, session = self.links(account_ids), self.session
        with session.deps.store.read() as c:
            found = frames.frame(c, session.ws, "account", account_ids=account_ids, fields=PEOPLE)
        linked = found.join(
            links, left_on=["connection", "id"], right_on=["connection", "crm_id"], maintain_order="left"
        )
        return linked.select(list(PEOPLE))

    def calls(self, account_ids: Sequence[str]) -> pl.DataFrame:
        """Calls with these accounts, which `frames` reads only for a framework that has facts of them."""
        with self.session.deps.store.read() as c:
            found = frames.frame(c, self.session.ws, "call", account_ids=account_ids)
        return assign_children(found, self.links(account_ids), "call", self.precedence)

    def owners(self) -> pl.DataFrame:
        """The users of the CRMs (`mapping.touches.OWNERS`)."""
        with self.session.deps.store.read() as c:
            return frames.frame(c, self.session.ws, "owner").select(list(OWNERS))

    def _entities(self) -> list[str]:
        """Entities to read; calls, surveys and readings only for a framework that has a fact of them."""
        asked = {fact.from_ for framework in self.frameworks for fact in framework.spec.facts.values()}
        return [*_READ, *(entity for name, entity in _IF_ASKED.items() if name in asked or entity in self.besides)]

    def _history(self, account_ids: Sequence[str]) -> pl.DataFrame:
        """Scores by account, each valid until the next one, the last until all accounts were evaluated last."""
        session, at = self.session, self.session.at.utc
        with session.deps.store.read() as c:
            known = history_of(c, session.ws, account_ids, at - LOOK_BACK, at)
        last = pl.lit(self.evaluated_last, dtype=pl.String).str.to_datetime(time_zone="UTC", time_unit="us")
        until = pl.coalesce(pl.col("at").shift(-1).over("account_id") - pl.duration(microseconds=1), last)
        return known.with_columns(until=pl.min_horizontal(until, pl.lit(at))).select(list(HISTORY))

    def _stages(self, account_ids: Sequence[str]) -> pl.DataFrame:
        """The last stage before the moment, with the entry date that was reported with it."""
        session = self.session
        with session.deps.store.read() as c:
            found = standing_at(c, session.ws, account_ids, session.at.utc, before=True)
        rows = [
            (account_id, one.as_of, one.stage, one.outputs["values"].get("stage_entered_on"))
            for account_id, one in found.items()
        ]
        columns = {**dict(STAGE_HISTORY), "entered_on": pl.String()}
        frame = pl.DataFrame(rows, schema=columns, orient="row")
        return frame.with_columns(pl.col("entered_on").str.to_date("%Y-%m-%d", strict=False))


def link_rows(links: Iterable[AccountLink]) -> pl.DataFrame:
    """Links as account_id, connection, crm_id."""
    rows = [(one.account_id, one.connection, one.crm_id) for one in links]
    return pl.DataFrame(rows, schema=dict(LINKS), orient="row")


_READ = ("account", "deal", "ticket", "meeting", "attendance", "contract", "milestone")
_PULLED = tuple(name for name in _READ if name != "milestone")
"""Entities that only runs write to; milestones also come from files."""
_IF_ASKED = {"calls": "call", "surveys": "survey", "readings": "reading"}


def _asked(session: Session, connection: str) -> tuple[frozenset[str], frozenset[str]]:
    """Feeds and gaps of a connection as they are now, kept for those who may not ask."""
    fed, lacking = _fed(session, connection), _lacking(session, connection)
    with session.deps.store.write() as c:
        value = {"fed": sorted(fed), "lacking": sorted(lacking)}
        marks.set_mark(c, session.ws, f"gaps:{connection}", value)
    return fed, lacking


def _remembered(session: Session, connection: str) -> tuple[frozenset[str], frozenset[str]]:
    with session.deps.store.read() as c:
        value = marks.mark(c, session.ws, f"gaps:{connection}") or {"fed": (), "lacking": ()}
    return frozenset(value["fed"]), frozenset(value["lacking"])


def _fed(session: Session, connection: str) -> frozenset[str]:
    """Entities of which this connection has been read to the end at least once."""
    connector = session.deps.connectors[connection]
    with session.deps.store.read() as c:
        return frozenset(
            stream.entity
            for stream in connector.streams()
            if epochs.latest_sealed(c, session.ws, connection, stream.name) is not None
        )


def _lacking(session: Session, connection: str) -> frozenset[str]:
    """Account fields that this connection's map does not name, or whose property the CRM lacks."""
    stream = account_stream(session.deps.field_maps[connection])
    mapped = set(session.deps.field_maps[connection].streams[stream].rules)
    absent = set(session.deps.connectors[connection].not_connected().get(stream, ()))
    return frozenset(item.name for item in ENTITIES["account"] if item.name not in mapped or item.name in absent)
