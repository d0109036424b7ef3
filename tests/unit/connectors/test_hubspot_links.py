from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.base import Page, Stream, Window
from connectors.errors import BadAnswer
from connectors.http import Answer
from connectors.hubspot.transport import Request
from tests.unit.connectors.hubspot_kit import answer, opened, rows

DEALS = Stream("deals>companies", "link", "links", ids_from="deals")
Types = list[dict[str, object]]


def kind(number: int, label: str | None = None, category: str = "HUBSPOT_DEFINED") -> dict[str, object]:
    return {"category": category, "typeId": number, "label": label}


class Associations:
    """The v4 batch endpoint over `links`: record → other record → types; two others a page."""

    def __init__(self, links: Mapping[str, Mapping[int, Types]], *, mention_empty: bool = True) -> None:
        self.links = links
        self.mention_empty = mention_empty
        self.sizes: list[int] = []

    def __call__(self, request: Request) -> Answer:
        assert request.path == "/crm/v4/associations/deals/companies/batch/read"
        inputs = request.body["inputs"]  # type: ignore[index]
        self.sizes.append(len(inputs))
        results, errors = [], []
        for item in inputs:
            others = list(self.links.get(item["id"], {}).items())
            if not others:
                errors.append(
                    {
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "context": {"fromObjectId": [item["id"]]},
                    }
                )
                continue
            start = int(item.get("after", 0))
            to = [{"toObjectId": one, "associationTypes": types} for one, types in others[start : start + 2]]
            entry: dict[str, object] = {"from": {"id": item["id"]}, "to": to}
            if start + 2 < len(others):
                entry["paging"] = {"next": {"after": str(start + 2), "link": "https://evil.example"}}
            results.append(entry)
        body: dict[str, object] = {"status": "COMPLETE", "results": results}
        if errors and self.mention_empty:
            return answer({**body, "numErrors": len(errors), "errors": errors}, 207)
        return answer(body)


def pull(handler, ids: list[str], position: str | None = None) -> list[Page]:
    connector, _script, _clock = opened(handler)
    return list(connector.pages(DEALS, Window(position=position), ids))


def shown(pages: list[Page]) -> list[tuple[str, str, bool, str | None]]:
    return [(link.from_id, link.to_id, link.primary, link.label) for page in pages for link in page.links]


def test_the_primary_company_is_the_one_with_the_primary_type():
    links = {"1": {50: [kind(341)], 60: [kind(5, "Primary"), kind(341)]}}
    assert shown(pull(Associations(links), ["1"])) == [("1", "50", False, None), ("1", "60", True, "Primary")]


def test_without_a_primary_one_the_lowest_type_and_id_decide():
    links = {"1": {900: [kind(341)], 70: [kind(341)], 60: [kind(77, "Reseller", "USER_DEFINED")]}}
    assert shown(pull(Associations(links), ["1"])) == [
        ("1", "60", False, "Reseller"),
        ("1", "70", True, None),
        ("1", "900", False, None),
    ]


@pytest.mark.parametrize("mention_empty", [True, False])
def test_a_record_without_associations_simply_has_none(mention_empty: bool):
    pages = pull(Associations({"2": {5: [kind(5)]}}, mention_empty=mention_empty), ["1", "2", "3"])
    assert [row[0] for row in shown(pages)] == ["2"]
    assert [page.complete for page in pages] == [True]


def test_long_lists_of_one_record_are_paged_to_their_end():
    others = {number: [kind(341)] for number in range(100, 107)}
    handler = Associations({"1": others, "2": {9: [kind(5)]}})
    pages = pull(handler, ["1", "2"])
    assert len(shown(pages)) == 8
    assert handler.sizes == [2, 1, 1, 1]


def test_a_thousand_records_go_into_one_call():
    handler = Associations({str(number): {7: [kind(5)]} for number in range(2500)})
    ids = sorted(str(number) for number in range(2500))
    pages = pull(handler, ids)
    assert handler.sizes == [1000, 1000, 500]
    assert [page.complete for page in pages] == [False, False, True]
    rest = pull(handler, ids, pages[0].position)
    assert shown(pages[:1]) + shown(rest) == shown(pages)


def test_no_records_have_no_links():
    assert [(page.links, page.complete) for page in pull(Associations({}), [])] == [((), True)]


def test_links_of_a_record_that_was_not_asked_for_are_a_bad_answer():
    reply = answer({"results": [{"from": {"id": "99"}, "to": []}]})
    with pytest.raises(BadAnswer, match="not asked for"):
        pull(lambda _request: reply, ["1"])


def test_paging_in_a_circle_ends():
    entry = {"from": {"id": "1"}, "to": [], "paging": {"next": {"after": "same"}}}
    with pytest.raises(BadAnswer, match="circle"):
        pull(lambda _request: answer({"results": [entry]}), ["1"])


@pytest.mark.parametrize(
    "body", [{}, {"results": [{"to": []}]}, {"results": ["x"]}, {"results": [{"from": {"id": "1"}, "to": [{}]}]}]
)
def test_an_answer_without_records_is_a_bad_answer(body: dict[str, object]):
    with pytest.raises(BadAnswer):
        pull(lambda _request: answer(body), ["1"])


def test_owners_who_left_are_known_and_marked():
    pages = {
        "false": {"results": [{"id": "1", "firstName": "Ada", "lastName": None, "email": "ada@example.com"}]},
        "true": {"results": [{"id": "1", "email": "x"}, {"id": "2", "firstName": "", "lastName": "", "email": ""}]},
    }
    connector, _script, _clock = opened(lambda request: answer(pages[dict(request.query)["archived"]]))
    page = next(connector.pages(Stream("owners", "owner", "reference"), Window()))
    assert [dict(record.properties) for record in page.records] == [
        {"name": "Ada", "email": "ada@example.com", "active": True},
        {"name": None, "email": None, "active": False},
    ]


def test_a_list_of_owners_is_paged_and_never_in_a_circle():
    pages = {None: rows("1", after="a"), "a": rows("2")}

    def handle(request: Request) -> Answer:
        query = dict(request.query)
        return answer(rows() if query["archived"] == "true" else pages[query.get("after")])

    connector, _script, _clock = opened(handle)
    owners = Stream("owners", "owner", "reference")
    assert [record.id for record in next(connector.pages(owners, Window())).records] == ["1", "2"]
    pages["a"] = rows("2", after="a")
    with pytest.raises(BadAnswer, match="circle"):
        list(connector.pages(owners, Window()))


def test_a_pipeline_without_stages_is_a_bad_answer():
    connector, _script, _clock = opened(lambda _request: answer({"results": [{"id": "p"}]}))
    with pytest.raises(BadAnswer, match="no stages with ids"):
        list(connector.pages(Stream("deal_stages", "stage", "reference"), Window()))


def test_stage_metadata_comes_as_text_and_is_understood():
    stages = [
        {"id": "won", "label": "Won", "metadata": {"isClosed": "true", "probability": "1.0"}},
        {"id": "lost", "label": "Lost", "metadata": {"isClosed": "true", "probability": "0.0"}},
        {"id": "open", "label": "Open", "metadata": {"probability": "x"}},
        {"id": "done", "label": "Done", "metadata": {"ticketState": "CLOSED"}},
    ]
    connector, _script, _clock = opened(lambda _request: answer({"results": [{"id": "p", "stages": stages}]}))
    page = next(connector.pages(Stream("deal_stages", "stage", "reference"), Window()))
    facts = {record.id: (record.properties["is_closed"], record.properties["is_won"]) for record in page.records}
    assert facts == {"won": (True, True), "lost": (True, False), "open": (False, False), "done": (True, False)}
    assert page.records[0].properties["pipeline"] == "p"
    assert page.records[2].properties["probability"] is None
