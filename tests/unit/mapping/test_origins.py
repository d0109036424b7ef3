"""Where each value of an account came from is where the merge took it from."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest

from mapping.accounts import default_precedence, merge_accounts
from mapping.origins import origins
from mapping.records import ENTITIES
from mapping.schema import child_schema, conform

TYPES = {name: name for name in ("gainsight", "hubspot", "salesforce")}
ORDER = default_precedence(TYPES)


def test_the_winner_is_named_with_what_the_others_say() -> None:
    rows = {
        "hubspot": {"name": "Acme", "arr": Decimal(1), "currency": "USD", "employees": 7},
        "salesforce": {"name": "Acme", "arr": Decimal(2), "currency": None},
        "gainsight": {"name": "ACME Inc.", "csm_ref": "1P01A", "owner_ref": "1P01B"},
    }
    rows["hubspot"]["owner_ref"] = "700001"
    found = {one.field: (one.value, one.connection, dict(one.others)) for one in origins(rows, ORDER)}
    assert found == {
        "name": ("Acme", "hubspot", {"gainsight": "ACME Inc."}),
        "employees": (7, "hubspot", {}),
        "owner_ref": ("700001", "hubspot", {}),
        "csm_ref": ("1P01A", "gainsight", {}),
        "arr": (Decimal(2), "salesforce", {"hubspot": Decimal(1)}),
    }, "a currency goes with its amount: Salesforce gave that, without one"


def test_what_is_each_crm_s_own_or_one_thing_in_two_forms_is_no_contradiction() -> None:
    rows = {
        "hubspot": {"salesforce_ref": "001kW000000000CQAQ", "updated_at": 1, "created_at": 1},
        "gainsight": {"salesforce_ref": "001kW000000000C", "updated_at": 2, "created_at": 2},
    }
    assert {one.field: dict(one.others) for one in origins(rows, ORDER)} == {
        "salesforce_ref": {}, "updated_at": {}, "created_at": {},
    }  # fmt: skip
    rows["gainsight"]["salesforce_ref"] = "001kW000000000D"
    assert [dict(one.others) for one in origins(rows, ORDER) if one.others] == [{"gainsight": "001kW000000000D"}]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_told_is_what_the_merge_took(seed: int) -> None:
    dice = Random(seed)
    texts = [item.name for item in ENTITIES["account"] if child_schema("account")[item.name] == pl.String]
    rows: dict[str, dict[str, Any]] = {
        name: {"arr": Decimal(place + 1) if dice.random() < 0.5 else None}
        | {text: f"{name} {text}" for text in texts if dice.random() < 0.5}
        for place, name in enumerate(TYPES)
    }
    records = [{"connection": name, "id": "1", **dict.fromkeys(texts), **row} for name, row in rows.items()]
    links = pl.DataFrame(
        [("a", name, "1") for name in TYPES], schema=["account_id", "connection", "crm_id"], orient="row"
    )
    frame = conform(pl.DataFrame(records, infer_schema_length=None), child_schema("account"))
    merged = merge_accounts(frame, links, ORDER, feeds={}, not_connected={}).row(0, named=True)
    told = {one.field: one.value for one in origins(rows, ORDER)}
    assert told == {name: merged[name] for name in ("arr", *texts) if merged[name] is not None}
