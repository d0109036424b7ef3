"""One row per account out of the records of several CRMs, and the account of every child record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mapping.choose import choose
from mapping.records import ENTITIES, IMPORTED
from mapping.schema import account_schema, child_schema, conform

LINKS = {"account_id": pl.String(), "connection": pl.String(), "crm_id": pl.String()}
"""Columns of a links frame."""

COMMERCIAL = frozenset(
    {"arr", "acv", "currency", "edition", "contract_signed_at", "contract_start_at", "contract_end_at", "auto_renew",
     "cancel_notice_at", "renewal_forecast", "churned_at", "owner_ref", "parent_ref", "employees", "industry",
     "country"}
)  # fmt: skip
"""Fields for which Salesforce goes first by default; HubSpot goes first for everything else."""

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "arr": ("acv", "currency"),
    "contract_end_at": ("contract_start_at",),
    "usage_as_of": (
        "logins_per_user_week",
        "features_used",
        "features_licensed",
        "data_volume",
        "data_volume_contracted",
        "quantity_used",
        "quantity_licensed",
        "users_active",
        "users_licensed",
        "users_provisioned",
        "users_activated",
    ),
    "value_as_of": (
        "roi_realised",
        "roi_target",
        "goals_achieved",
        "goals_agreed",
        "hours_saved",
        "hours_saved_target",
        "leads_achieved",
        "leads_goal",
        "sales_achieved",
        "sales_goal",
    ),
    "delivery_budget": ("delivery_cost",),
    "renewal_status_override": ("override_reason", "override_until"),
}
"""Fields that only make sense from one source: the record that gives the first one gives the others too."""

_FEED_ENTITY = {
    "has_deals": "deal",
    "has_tickets": "ticket",
    "has_meetings": "meeting",
    "has_calls": "call",
    "has_surveys": "survey",
}
USAGE = (
    "usage_as_of",
    "logins_per_user_week",
    "features_used",
    "data_volume",
    "quantity_used",
    "users_active",
    "users_activated",
    "last_activity_at",
)
"""What only a usage feed can know. What is licensed, contracted or provisioned says nothing of use."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """Order of connections per account field and per child entity; `default` for what is not named."""

    default: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of_field(self, name: str) -> tuple[str, ...]:
        """Connections in the order in which they are asked for account field `name`."""
        return self.fields.get(name, self.default)

    def of_entity(self, name: str) -> tuple[str, ...]:
        """Connections in the order in which they are asked for child records; a reading was an account's field."""
        if name == "reading":
            return self.of_field("usage_as_of")
        return self.entities.get(name, self.default)


def default_precedence(types: Mapping[str, str]) -> Precedence:
    """Salesforce first for commercial fields, deals and contracts; HubSpot first for the rest.

    `types` is connection → type of CRM; connections of other types come last, by name.
    """

    def order(first: str) -> tuple[str, ...]:
        rank = {first: 0, "salesforce": 1, "hubspot": 1}
        return tuple(sorted(types, key=lambda name: (rank.get(types[name], 2) if types[name] != first else 0, name)))

    sales, service = order("salesforce"), order("hubspot")
    return Precedence(
        default=service,
        fields=dict.fromkeys(sorted(COMMERCIAL), sales),
        entities={
            "deal": sales,
            "contract": sales,
            "ticket": service,
            "meeting": service,
            "call": service,
            "survey": service,
            "milestone": service,
        },
    )


def precedence_of(types: Mapping[str, str], chosen: Mapping[Any, Sequence[str]]) -> Precedence:
    """The default order with a configured one over it: entity → connections; `account` concerns all account fields."""
    standard = default_precedence(types)
    default, fields = standard.default, standard.fields
    if "account" in chosen:
        default, fields = tuple(chosen["account"]), {}
    entities = {**standard.entities, **{name: tuple(order) for name, order in chosen.items() if name != "account"}}
    return Precedence(default, fields, entities)


def merge_accounts(
    records: pl.DataFrame,
    links: pl.DataFrame,
    precedence: Precedence,
    *,
    feeds: Mapping[str, frozenset[str]],
    not_connected: Mapping[str, frozenset[str]],
) -> pl.DataFrame:
    """The account frame of `schema.account_schema()`, one row per account that has a record.

    `records` are account rows of every connection, `links` say whose they are (`LINKS`). `feeds` is connection →
    child entities that were pulled; `not_connected` is connection → account fields without a property there.
    """
    keyed = (
        conform(records, child_schema("account"))
        .drop("account_id")
        .join(links.select(list(LINKS)), left_on=["connection", "id"], right_on=["connection", "crm_id"], how="inner")
    )
    first = keyed.sort("account_id", "connection", "id").unique(["account_id", "connection"], keep="first")
    connections = sorted(set(first["connection"].to_list()))
    wide = first.select("account_id").unique().sort("account_id")
    names = [item.name for item in ENTITIES["account"]]
    for connection in connections:
        own = first.filter(pl.col("connection") == connection).select(
            "account_id",
            pl.lit(value=True).alias(f"{connection}\n"),
            *(pl.col(name).alias(f"{connection}\n{name}") for name in names),
        )
        wide = wide.join(own, on="account_id", how="left", maintain_order="left")
    merged = wide.select(
        "account_id", *(_field(name, precedence, connections) for name in names), *_origins(connections)
    )
    return conform(_with_sources(merged, connections, feeds, not_connected), account_schema())


def assign_children(children: pl.DataFrame, links: pl.DataFrame, entity: str, precedence: Precedence) -> pl.DataFrame:
    """Child rows with `account_id`, of one connection per account: the first in order that has rows for it.

    Two CRMs often hold copies of the same deals; counting both would double every figure. Rows without a known
    account are left out. `children` has columns connection, id, stream and the entity's fields. Milestones from a file
    stand beside those of the CRM, which has the last word on a milestone that both know of.
    """
    named = children.drop("account_id", strict=False).join(
        links.select(list(LINKS)), left_on=["connection", "account_ref"], right_on=["connection", "crm_id"], how="inner"
    )
    first = precedence.of_entity(entity)
    order = [*first, *sorted(set(named["connection"].to_list()) - set(first))]
    ranked = named.with_columns(
        pl.col("connection").replace_strict(order, range(len(order)), return_dtype=pl.Int64).alias("·place")
    )
    imported = pl.col("stream") == IMPORTED
    place = pl.when(~imported).then(pl.col("·place"))
    chosen = ranked.filter(imported | (place == place.min().over("account_id")))
    if entity == "milestone":
        reached = chosen.filter(~imported & pl.col("completed_on").is_not_null()).select("account_id", "key")
        told = chosen.filter(imported).join(reached, on=["account_id", "key"], how="anti")
        chosen = pl.concat([chosen.filter(~imported), told])
    return conform(chosen.sort("account_id", "stream", "id"), child_schema(entity))


def _origins(connections: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(f"{name}\n").fill_null(value=False) for name in connections]


def leader_of(name: str) -> str | None:
    """The field whose source an account field is taken from too (`TOGETHER`), None for one that stands alone."""
    return next((main for main, rest in TOGETHER.items() if name in rest), None)


def order_of(name: str, precedence: Precedence, connections: Sequence[str]) -> list[str]:
    """`connections` in the order in which they are asked for account field `name`, all of them."""
    order = [item for item in precedence.of_field(leader_of(name) or name) if item in connections]
    return order + [item for item in connections if item not in order]


def _field(name: str, precedence: Precedence, connections: Sequence[str]) -> pl.Expr:
    leader, order = leader_of(name), order_of(name, precedence, connections)
    if not order:
        return pl.lit(None).alias(name)
    alone = pl.coalesce(f"{item}\n{name}" for item in order)
    if leader is None:
        return alone.alias(name)
    led = [(pl.col(f"{item}\n{leader}").is_not_null(), pl.col(f"{item}\n{name}")) for item in order]
    return choose(led, alone).alias(name)


def _with_sources(
    merged: pl.DataFrame,
    connections: Sequence[str],
    feeds: Mapping[str, frozenset[str]],
    not_connected: Mapping[str, frozenset[str]],
) -> pl.DataFrame:
    def some(holds: Sequence[str]) -> pl.Expr:
        return pl.any_horizontal([pl.lit(value=False), *(pl.col(f"{name}\n") for name in holds)])

    flags = {
        flag: some([name for name in connections if entity in feeds.get(name, frozenset())])
        for flag, entity in _FEED_ENTITY.items()
    }
    # A usage feed is connected for an account once it has reported anything about it.
    flags["has_usage"] = pl.any_horizontal(pl.col(USAGE).is_not_null())
    lacking = sorted(set().union(*not_connected.values())) if not_connected else []
    absent = [
        pl.when(~some([name for name in connections if column not in not_connected.get(name, frozenset())])).then(
            pl.lit(column)
        )
        for column in lacking
    ]
    listed = pl.concat_list(absent).list.drop_nulls() if absent else pl.lit(None, dtype=pl.List(pl.String))
    return merged.with_columns(**flags, not_connected=listed)
