"""One connection used by many threads: one login for all, one description of an object, a session for each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import responses

from connectors.errors import ConnectorError, CredentialsError, RetryLater
from connectors.salesforce.answers import SessionExpired
from connectors.salesforce.auth import Grant
from connectors.salesforce.grants import Grants
from tests.unit.connectors.salesforce_kit import (
    DATA,
    ORIGIN,
    client,
    connector,
    let_describe,
    let_describe_absent,
    let_log_in,
    settings,
)

MANY = 16


def at_once(work: Callable[[int], Any], count: int = MANY) -> list[Any]:
    """What `work` gives, or raises, in threads that begin at the same moment."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        barrier.wait(timeout=60)
        try:
            return work(number)
        except ConnectorError as error:
            return error

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


class Door:
    """A login that gives a new token each time, or what `refusal` says."""

    def __init__(self, refusal: ConnectorError | None = None) -> None:
        self.refusal = refusal
        self.asked = 0

    def __call__(self) -> Grant:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return Grant(f"00Dxx!token.{self.asked}", ORIGIN)


def test_threads_that_need_a_session_at_once_share_one_login() -> None:
    door = Door()
    grants = Grants(settings(), door)
    assert len({grant.token for grant in at_once(lambda _n: grants.current())}) == 1
    assert door.asked == 1


def test_threads_refused_together_share_one_login() -> None:
    door = Door()
    grants = Grants(settings(), door)
    used = grants.current()
    renewed = at_once(lambda _n: grants.renewed(used, SessionExpired("expired")))
    assert {grant.token for grant in renewed} == {"00Dxx!token.2"}
    assert door.asked == 2


def test_credentials_that_were_refused_are_not_tried_by_every_thread() -> None:
    door = Door(CredentialsError("Salesforce refused the login."))
    grants = Grants(settings(), door)
    assert {type(error) for error in at_once(lambda _n: grants.current())} == {CredentialsError}
    with pytest.raises(CredentialsError):
        grants.current()
    assert door.asked == 1


def test_a_login_address_that_was_down_is_tried_again_later() -> None:
    door = Door(RetryLater("The login address answered with HTTP 503.", sent=False))
    grants = Grants(settings(), door)
    with pytest.raises(RetryLater):
        grants.current()
    door.refusal = None
    assert grants.current().token == "00Dxx!token.2"


def test_threads_have_sessions_of_their_own_over_the_same_connections() -> None:
    sessions = client()._sessions
    found = at_once(lambda _n: sessions.mine())
    assert len({id(one) for one in found}) == MANY
    assert len({id(one.get_adapter("https://any")) for one in found}) == 1


@responses.activate
def test_threads_ask_once_what_an_object_has() -> None:
    let_log_in(responses.mock)
    let_describe(responses.mock)
    let_describe_absent(responses.mock, "User", "OpportunityStage")
    one = connector()
    names = at_once(lambda _n: [stream.name for stream in one.streams()])
    assert names == [["accounts"]] * MANY
    asked = [str(call.request.url) for call in responses.calls]
    assert asked.count(f"{DATA}/sobjects/Account/describe") == 1


@responses.activate
def test_cookies_of_an_answer_are_not_kept() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json={"x": 1}, headers={"Set-Cookie": "BrowserId=abc; Path=/"})
    one = client()
    one.get("limits")
    one.get("limits")
    assert "Cookie" not in responses.calls[-1].request.headers
