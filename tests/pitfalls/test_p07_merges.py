"""P-7: merges are not captured. An alias leads from the old id to the survivor, and what belonged to it follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from store.tables import raw_alias
from tests.flow.one_crm import Vendor
from tests.pitfalls.kit import ACCOUNTS, VENDORS, Crm, crm


def aliases(one: Crm) -> dict[str, str]:
    with one.made.deps() as deps, deps.store.read() as c:
        return {row.old_id: row.survivor for row in c.execute(select(raw_alias))}


@pytest.mark.parametrize("full", [False, True], ids=["increment", "full"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_p07_a_merged_account_lives_on_as_its_survivor(tmp_path: Path, vendor: Vendor, full: bool) -> None:
    with crm(tmp_path, vendor) as one:
        one.assert_whole(one.pull())
        deals = one.entities("deal")
        loser = next(row["account_ref"] for row in deals.values() if row["account_ref"])
        keeper = next(key for key in sorted(one.entities("account")) if key != loser)
        theirs = {key for key, row in deals.items() if row["account_ref"] == loser}
        survivor = str(one.person("merge", object=ACCOUNTS[one.name][1], id=keeper, other=loser)["id"])
        one.pass_by(hours=25 if full else 1)
        one.assert_whole(one.pull(full=full))
        assert aliases(one)[loser] == survivor
        assert loser not in one.entities("account")
        assert {one.entities("deal")[key]["account_ref"] for key in theirs} == {survivor}
