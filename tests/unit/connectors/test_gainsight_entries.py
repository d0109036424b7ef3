"""What answers to the saving of an activity mean, in whichever of their shapes they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.base import Change, Outcome
from connectors.gainsight.timeline import OBJECT, PATH
from mapping.records import Ref
from tests.unit.connectors.gainsight_kit import (
    ORIGIN,
    Body,
    connector,
    envelope,
    field,
    let_be_absent,
    let_describe,
    query_url,
    refusal,
)

KEY = "kw-1"
FIELDS = ("ExternalId", "Subject", "Notes", "GsCompanyId", "ActivityDate", "TypeName")
WRONG_TYPE = [[{"success": False, "errors": [{"errorCode": "GSOBJ_1008", "fieldName": "TypeName"}]}]]


@pytest.fixture
def tenant() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        let_describe(mock, OBJECT, [field("Gsid", "GSID"), *map(field, FIELDS)])
        let_be_absent(mock)
        mock.post(query_url(OBJECT), json=envelope({"records": []}))
        yield mock


def saved(mock: responses.RequestsMock, answer: Body, status: int = 200) -> Outcome:
    """What became of an entry that was answered so; a look for its key finds nothing."""
    mock.post(f"{ORIGIN}{PATH}", json=answer, status=status)
    found = connector(timeline={"entries": {"author": "ops@acme.example"}}).entries()
    assert found is not None
    (outcome,) = found.write([Change(Ref("gainsight", OBJECT, KEY), {"Subject": "Health fell"}, new=True)])
    return outcome


@pytest.mark.parametrize(
    ("made", "record_id"),
    [([{"activityId": "1T01"}], "1T01"), ({"activityId": "1T01"}, "1T01"), ([], None), ("x", None)],
)
def test_an_entry_that_the_answer_names_is_made(
    tenant: responses.RequestsMock, made: Any, record_id: str | None
) -> None:
    outcome = saved(tenant, envelope({"success": {KEY: made}, "failure": {}}))
    assert (outcome.kind, outcome.record_id) == ("confirmed", record_id)


@pytest.mark.parametrize("data", [None, {}, {"success": {}}, {"success": {"another": []}}, []])
def test_an_answer_that_does_not_name_it_proves_nothing(tenant: responses.RequestsMock, data: Any) -> None:
    assert saved(tenant, envelope(data)).kind == "in_doubt"


@pytest.mark.parametrize(
    ("told", "kind", "code", "name"),
    [
        ([{"errorCode": "GSOBJ_1008", "errorMessage": "ExternalId already exists"}], "confirmed", "GSOBJ_1008", None),
        ("ExternalId kw-1 is not unique", "confirmed", "", None),
        ("ExternalId is too long", "rejected", "", "ExternalId"),
        ([{"errorCode": "GSOBJ_1008", "errorMessage": "No match found for lookup AuthorId"}], "rejected", "GSOBJ_1008",
         "Author"),
        ({"errorMessage": "Invalid TypeName - Update"}, "rejected", "", "TypeName"),
        ([{"errorCode": "not a code: secret", "errorMessage": "secret"}], "rejected", "", None),
    ],
)  # fmt: skip
def test_a_refusal_beside_others_that_were_made_is_read_in_each_of_its_shapes(
    tenant: responses.RequestsMock, told: Any, kind: str, code: str, name: str | None
) -> None:
    outcome = saved(tenant, envelope({"success": {}, "failure": {KEY: told}}))
    assert (outcome.kind, outcome.code, outcome.property) == (kind, code, name)
    assert "secret" not in outcome.reason


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (refusal("GSOBJ_1008", "No match found for lookup GsCompanyId"), "GsCompanyId"),
        (refusal("GSOBJ_1008", "something about the Author", {"count": 0, "errors": WRONG_TYPE}), "TypeName"),
        (refusal("GSOBJ_1008", "no"), None),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_of_the_whole_call_is_the_entrys(
    tenant: responses.RequestsMock, answer: Body, name: str | None, status: int
) -> None:
    outcome = saved(tenant, answer, status)
    assert (outcome.kind, outcome.code, outcome.property) == ("rejected", "GSOBJ_1008", name)


@pytest.mark.parametrize("status", [500, 502])
def test_an_answer_that_is_none_leaves_it_in_doubt(tenant: responses.RequestsMock, status: int) -> None:
    assert saved(tenant, refusal("GU_1101", "Oops"), status).kind == "in_doubt"
