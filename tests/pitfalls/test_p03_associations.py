"""P-3: edited associations move no record's stamp. Links are a stream of their own that is swept on a cadence."""

from __future__ import annotations

from pathlib import Path

from tests.pitfalls.kit import crm


def test_p03_an_association_that_somebody_moved_is_found_by_the_sweep(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        one.assert_whole(one.pull())
        deals = one.entities("deal")
        deal, before = next((key, row["account_ref"]) for key, row in deals.items() if row["account_ref"])
        other = next(key for key in one.entities("account") if key != before)
        stamp = one.truth()["deals"][deal]
        one.person("dissociate", object="deals", id=deal, to_object="companies", to=before)
        one.person("associate", object="deals", id=deal, to_object="companies", to=other, primary=True)
        assert one.truth()["deals"][deal] == stamp, "the record does not show it"
        one.pass_by(hours=25)
        report = one.pull()
        one.assert_whole(report)
        assert report.pull["hubspot"]["deals>companies"].updated >= 1
        assert one.entities("deal")[deal]["account_ref"] == other


def test_p03_an_association_that_somebody_removed_is_noticed(tmp_path: Path) -> None:
    with crm(tmp_path, "hubspot") as one:
        one.pull()
        deal, before = next(
            (key, row["account_ref"]) for key, row in one.entities("deal").items() if row["account_ref"]
        )
        for company in one.made.crm.hubspot.portal.links.of("deals", int(deal), "companies")[:]:
            one.person("dissociate", object="deals", id=deal, to_object="companies", to=str(company))
        one.pass_by(hours=25)
        one.assert_whole(one.pull())
        assert one.entities("deal")[deal]["account_ref"] != before
