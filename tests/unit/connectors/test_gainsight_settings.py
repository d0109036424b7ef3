"""What a connection to Gainsight may be told, and where its key may go."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.connectors.gainsight_kit import settings

PAIR = {"client_id": "c", "client_secret": "s"}
CALLS = {"alerts": ["red"], "reason": "Usage Drop"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"access_key": None}, "found none of them"),
        ({"access_key": "k", "oauth": PAIR}, "found access_key and oauth"),
        ({"oauth": {"client_id": "c"}}, "either client_secret or client_secret_file"),
        ({"base_url": "https://gainsightcloud.com.evil.example"}, "not one of the vendor's hosts"),
        ({"base_url": "http://acme.gainsightcloud.com"}, "plain http"),
        ({"base_url": "https://user:secret@acme.gainsightcloud.com"}, "must not carry user name"),
        ({"milestones": {"object": "cta group"}}, "object"),
        ({"milestones": {"object": "cta_group", "where": {"A": "1", "B": "2"}}}, "where"),
        ({"milestones": {"object": "cta_group", "where": {"A": []}}}, "where"),
        ({"milestones": {"object": "cta_group", "where": {"A": None}}}, "where"),
        ({"measures": {"usage": "Usage_Score"}}, "measures"),
        ({"measures": {"usage": "A__gc", "value": "A__gc"}}, "A__gc cannot hold two components"),
        ({"pull": {"page": 5001}}, "page"),
        ({"per_minute": 1}, "per_minute"),
        ({"timeline": {"calls": ["Call", "Meeting"]}}, "Meeting cannot be both"),
        ({"timeline": {"entries": {"author": "nobody"}}}, "author"),
        (
            {"timeline": {"entries": {"author": "a@b.example", "type": "Call"}}},
            "read as the customer's meeting or call",
        ),
        ({"tasks": {"alerts": ["red"]}}, "name the reason"),
        ({"tasks": {"owner": "none"}}, "always somebody's"),
        ({"tasks": {**CALLS, "priority": {"normal": "High"}}}, "must not be the same item"),
        ({"tasks": {**CALLS, "fallback_owner": "nobody"}}, "fallback_owner"),
        ({"tasks": CALLS, "milestones": {"object": "call_to_action"}}, "would be read as milestones"),
        (
            {"tasks": CALLS, "milestones": {"object": "Call_To_Action", "where": {"TypeId__gr.Name": ["Risk", "X"]}}},
            "would be read as milestones",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"oauth": PAIR},
        {"base_url": "http://127.0.0.1:8703"},
        {"base_url": "https://cs.acme.example", "allow_hosts": ["cs.acme.example"]},
        {"timeline": {"entries": {"author": "ops@acme.example"}}, "tasks": CALLS},
        {"tasks": CALLS, "milestones": {"object": "call_to_action", "where": {"TypeId__gr.Name": "Lifecycle"}}},
    ],
)
def test_what_can_be_meant_is_taken_and_shows_no_secret(changes: dict[str, Any]) -> None:
    found = settings(**changes)
    assert "planted" not in repr(found)
    assert "'s'" not in repr(found)
