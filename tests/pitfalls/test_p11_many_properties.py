"""P-11: 414 with many properties. Only mapped ones are asked for, and long lists of them never by an address."""

from __future__ import annotations

from connectors.base import StreamMap, Window
from connectors.http import Answer
from connectors.hubspot.transport import Request
from sandbox.hubspot.schema import Property
from tests.contract.hubspot_kit import Box, portal
from tests.contract.test_hubspot_pull import LONG_AGO, live, pull
from tests.unit.connectors.hubspot_kit import answer, definitions, opened, rows
from tests.unit.connectors.test_hubspot_pulls import companies, ids
from tests.unit.connectors.test_hubspot_pulls import portal as canned

MANY = tuple(f"a_rather_long_property_name_{number:03}" for number in range(600))


def wide(box: Box) -> dict[str, StreamMap]:
    """A portal whose companies have many properties with values, and a field map that wants them all."""
    schema = box.state.portal.schemas["companies"].properties
    for name in MANY:
        schema[name] = Property(name, name, "string", "text", "")
    for record in box.state.portal.stores["companies"].live.values():
        record.values = {**record.values, **{name: f"{record.id} {name}" for name in MANY}}
    return {"companies": StreamMap("account", ("name", *MANY), {}, frozenset(MANY))}


def test_p11_no_address_is_too_long_for_a_portal() -> None:
    with portal(accounts=6) as box:
        connector = box.connect(wide(box))
        for window in (Window(), Window(since=LONG_AGO)):
            assert live(pull(connector, "companies", window)) == set(box.live())
        assert "414" not in box.state.stats.by_status


def test_p11_only_what_the_field_map_wants_is_asked_for() -> None:
    with portal(accounts=6) as box:
        wide(box)
        record = pull(box.connect(), "companies")[0].records[0]
        assert not set(record.properties) & set(MANY)


def test_p11_many_properties_never_make_an_address_too_long() -> None:
    names = MANY[:400]
    handler = canned(defined=definitions(*names, "hs_lastmodifieddate"), live={None: rows("1", "2")})

    def by_id(request: Request) -> Answer:
        if not request.path.endswith("/batch/read"):
            return handler(request)
        # The second record was deleted between the two calls.
        found = [{"id": "1", "properties": dict.fromkeys(names, "v")}]
        return answer({"results": found, "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["2"]}}]}, 207)

    connector, script, _clock = opened(by_id, maps={"companies": StreamMap("account", names)})
    pages = list(connector.pages(companies(connector), Window()))
    assert ids(pages) == ["1"]
    assert pages[0].records[0].properties[names[-1]] == "v"
    assert all(len(str(request.query)) < 8_000 for request in script.requests)
