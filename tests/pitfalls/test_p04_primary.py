"""P-4: the primary or labelled association is lost. Labels come with v4, and only the primary one decides."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from store.tables import raw_link
from tests.pitfalls.kit import crm


def test_p04_of_several_companies_the_primary_one_has_the_deal(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        deal = min(one.truth()["deals"])
        lowest, *_, highest = sorted(one.truth()["companies"], key=int)
        links = one.made.crm.hubspot.portal.links
        for company in links.of("deals", int(deal), "companies")[:]:
            one.person("dissociate", object="deals", id=deal, to_object="companies", to=str(company))
        one.person("associate", object="deals", id=deal, to_object="companies", to=lowest, label="Reseller")
        one.person("associate", object="deals", id=deal, to_object="companies", to=highest, primary=True)
        one.assert_whole(one.pull())
        assert one.entities("deal")[deal]["account_ref"] == highest
        with one.made.deps() as deps, deps.store.read() as c:
            of_deal = raw_link.c.from_id == deal
            found = {row.to_id: row for row in c.execute(select(raw_link).where(of_deal))}
        assert {key: (row.label, row.is_primary) for key, row in found.items()} == {
            lowest: ("Reseller", False),
            highest: ("Primary", True),
        }
