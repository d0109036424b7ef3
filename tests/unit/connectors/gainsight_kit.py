"""A Gainsight tenant of a few canned answers, for tests of single calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests
import responses

from connectors.base import Page, StreamMap, Window
from connectors.budget import MemoryBudget
from connectors.gainsight.connector import GainsightConnector, connect
from connectors.gainsight.settings import GainsightSettings
from tests.unit.connectors.kit import FakeClock

ORIGIN = "https://acme.gainsightcloud.com"
KEY = "planted-access-key-0001"
TOKEN_URL = f"{ORIGIN}/v1/users/m2m/oauth/token"
COMPANY_URL = f"{ORIGIN}/v1/data/objects/Company"
UNAUTHORIZED = {"result": False, "errorCode": "GS_APIG_2401", "errorDesc": "Unauthorized", "message": "Unauthorized"}
Body = dict[str, Any]


def query_url(name: str) -> str:
    """Address of the query of an object."""
    return f"{ORIGIN}/v1/data/objects/query/{name}"


def company_id(number: int) -> str:
    """The id of company `number`."""
    return f"1P02BVHREJTPN50SVS{number:018d}"


def envelope(data: object) -> Body:
    """An answer that worked."""
    return {"result": True, "errorCode": None, "errorDesc": None, "requestId": "r", "data": data, "message": None}


def refusal(code: str, description: str = "no", data: object = None) -> Body:
    """An answer that did not."""
    return {"result": False, "errorCode": code, "errorDesc": description, "requestId": "r", "data": data}


def settings(**changes: Any) -> GainsightSettings:
    """Settings with an access key for the canned tenant."""
    auth = {} if {"oauth", "access_key_file"} & changes.keys() else {"access_key": KEY}
    return GainsightSettings.model_validate({"base_url": ORIGIN, **auth, **changes})


def connector(
    clock: FakeClock | None = None, maps: Mapping[str, StreamMap] | None = None, **changes: Any
) -> GainsightConnector:
    """A connector of the canned tenant that pulls companies with name and score."""
    clock = clock or FakeClock()
    companies = StreamMap("account", ("Name", "ModifiedDate"), {"CS_Health_Score__gc": ()})
    return connect(
        "gainsight", settings(**changes), {"companies": companies} if maps is None else maps,
        budget=MemoryBudget(clock, clock.sleep), clock=clock, sleep=clock.sleep, jitter=lambda most: most / 2,
    )  # fmt: skip


def field(name: str, kind: str = "STRING", **meta: Any) -> Body:
    """An entry of describe's `fields`."""
    shape = {"updateable": True, "nillable": True, "length": 250, "decimalPlaces": 2, "fieldGroupType": "CUSTOM"}
    return {"fieldName": name, "label": name, "dataType": kind, "meta": {**shape, **meta}}


def picklist(name: str, *labels: str) -> Body:
    """A picklist's entry of describe's `fields`; the ids of its items are made of their labels."""
    options = [{"label": label, "value": f"1I00{label}", "active": True} for label in labels]
    return {**field(name, "PICKLIST"), "options": options}


COMPANY_FIELDS = (
    field("Gsid", "GSID", readOnly=True, updateable=False),
    field("Name", required=True, nillable=False),
    field("ModifiedDate", "DATETIME", readOnly=True, updateable=False),
    field("ModifiedBy", "LOOKUP", readOnly=True, updateable=False),
    field("CurrentScore", "STRING", readOnly=True, updateable=False),
    field("RenewalDate", "DATE"),
    picklist("Stage", "Adopting", "Will Churn"),
    field("CS_Health_Score__gc", "NUMBER"),
    picklist("CS_Renewal_Status__gc", "On track", "Due"),
    field("CS_Stage_Entered_On__gc", "DATE"),
    field("CS_Scored_At__gc", "DATETIME"),
    field("CS_Health_Reasons__gc", length=20),
)


def let_describe(mock: responses.RequestsMock, name: str = "Company", fields: Sequence[Body] = COMPANY_FIELDS) -> None:
    """Answer descriptions of an object."""
    mock.get(
        f"{ORIGIN}/v1/meta/services/objects/{name}/describe",
        json=envelope([{"objectName": name, "fields": list(fields)}]),
    )


def describe_url(name: str) -> str:
    """Address of the description of an object."""
    return f"{ORIGIN}/v1/meta/services/objects/{name}/describe"


def let_be_absent(mock: responses.RequestsMock) -> None:
    """Let the standard objects be unknown, but for those that were described before."""
    body = {"result": False, "title": "OBJECT_NOT_FOUND", "detail": "Requested object not found.", "errorDesc": "no"}
    known = {one.url for one in mock.registered()}
    for name in ("gsuser", "activity_timeline"):
        if describe_url(name) not in known:
            mock.get(describe_url(name), json=body, status=400)


class Table:
    """Rows of an object behind the query call, which gives at most `most` rows whatever is asked for."""

    def __init__(self, rows: Sequence[Body], *, most: int = 5000, shape: str = "records") -> None:
        self.rows = sorted(rows, key=lambda row: str(row.get("Gsid")))
        self.most = most
        self.shape = shape
        self.asked: list[Body] = []

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Answer one query."""
        body = json.loads(request.body or b"{}")
        self.asked.append(body)
        where = body.get("where", {}).get("conditions", ())
        found = [row for row in self.rows if all(_holds(row, one) for one in where)]
        part = found[body["offset"] :][: min(body["limit"], self.most)]
        rows = [{name: row.get(name) for name in body["select"]} for row in part]
        return 200, {}, json.dumps(envelope({"records": rows} if self.shape == "records" else rows))

    def let_query(self, mock: responses.RequestsMock, name: str = "Company") -> Table:
        """Answer queries of an object."""
        mock.add_callback("POST", query_url(name), callback=self, content_type="application/json")
        return self


_OPERATORS: Mapping[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda held, values: held == values[0],
    "IN": lambda held, values: held in values,
    "GT": lambda held, values: held is not None and held > values[0],
    "LTE": lambda held, values: held <= values[0],
    "GTE": lambda held, values: not isinstance(held, int) or held >= _ms(values[0]),
}


def _ms(moment: str) -> float:
    """A moment of a condition as rows have it."""
    told = datetime.fromisoformat(moment)
    return told.replace(tzinfo=told.tzinfo or UTC).timestamp() * 1000


def _holds(row: Body, condition: Body) -> bool:
    return _OPERATORS[condition["operator"]](row.get(condition["name"]), condition["value"])


def companies(count: int, **values: Any) -> list[Body]:
    """Rows of Company."""
    stamp = 1_795_300_000_000
    return [
        {"Gsid": company_id(number), "Name": f"Company {number}", "ModifiedDate": stamp, **values}
        for number in range(1, count + 1)
    ]


def pages(one: GainsightConnector, window: Window | None = None, name: str = "companies") -> list[Page]:
    """All pages of a stream."""
    stream = next(each for each in one.streams() if each.name == name)
    return list(one.pages(stream, window or Window()))
