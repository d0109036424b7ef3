from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.base import Change
from connectors.errors import ConfigError, CredentialsError, RetryLater
from connectors.http import Answer
from connectors.hubspot.auth import OAuthToken, write_secret_file
from connectors.hubspot.paths import Paths
from connectors.hubspot.settings import OAuthSettings
from connectors.hubspot.transport import Request
from connectors.hubspot.turns import turn
from connectors.redact import Redactor
from connectors.tokens import read_secret_file
from mapping.records import Ref
from tests.unit.connectors.hubspot_kit import Script, answer, definitions, opened, refusal
from tests.unit.connectors.kit import FakeClock

ACCOUNT = {"portalId": 42, "timeZone": "UTC"}
EXPIRED = refusal(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired 75 second(s) ago.")
APP = {"client_id": "id", "client_secret": "the-client-secret", "refresh_token": "refresh-one"}


def granting(*, rotate: str | None = None, lifetime: int = 1800):
    issued: list[str] = []

    def handle(request: Request) -> Answer:
        assert request.path == "/oauth/v3/token"
        issued.append(dict(request.form)["refresh_token"])
        body = {
            "access_token": f"access-{len(issued)}",
            "expires_in": lifetime,
            "refresh_token": rotate or "refresh-one",
        }
        return answer(body)

    return handle, issued


def oauth(handler, clock: FakeClock, **settings: object) -> OAuthToken:
    app = OAuthSettings.model_validate({**APP, **settings})
    return OAuthToken(app, Paths("v3"), Script(handler), clock=clock, sleep=clock.sleep, redactor=Redactor())


def test_a_token_is_renewed_before_it_expires():
    handler, issued = granting()
    clock = FakeClock()
    tokens = oauth(handler, clock)
    assert [tokens.current(), tokens.current()] == ["access-1", "access-1"]
    clock.pass_by(1501)
    assert tokens.current() == "access-2"
    assert len(issued) == 2


def test_many_threads_refresh_once():
    handler, issued = granting()
    tokens = oauth(handler, FakeClock())
    threads = [threading.Thread(target=tokens.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issued) == 1


def test_a_401_is_answered_by_one_refresh_and_one_replay():
    handler, _issued = granting()

    def handle(request: Request) -> Answer:
        if request.path.startswith("/oauth"):
            return handler(request)
        if "properties" in request.path:
            return answer(definitions("name", "dealname"))
        return EXPIRED if script.tokens[-1] == "access-1" else answer(ACCOUNT)

    connector, script, _clock = opened(handle, oauth=APP)
    assert connector.identity() == "42"
    assert script.tokens[:4] == [None, "access-1", None, "access-2"]


def test_a_second_401_ends_it():
    handler, _issued = granting()
    connector, script, _clock = opened(
        lambda request: handler(request) if request.path.startswith("/oauth") else EXPIRED, oauth=APP
    )
    with pytest.raises(CredentialsError):
        connector.identity()
    assert script.tokens == [None, "access-1", None, "access-2"]


def test_a_write_whose_token_could_not_be_renewed_was_surely_not_done():
    def handle(request: Request) -> Answer:
        if request.path.startswith("/oauth"):
            raise RetryLater("The server did not answer in time.", sent=True)
        raise AssertionError(request.path)

    connector, _script, _clock = opened(handle, oauth=APP)
    outcomes = connector.write([Change(Ref("crm", "companies", "1"), {"a": "1"})])
    assert [one.kind for one in outcomes] == ["pending"]


def test_a_rotated_refresh_token_is_stored_before_it_is_used(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one\n")
    handler, issued = granting(rotate="refresh-two")
    clock = FakeClock()
    tokens = oauth(handler, clock, refresh_token=None, refresh_token_file=secret)
    tokens.current()
    assert secret.read_text() == "refresh-two"
    assert secret.stat().st_mode & 0o077 == 0
    clock.pass_by(1800)
    tokens.current()
    assert issued == ["refresh-one", "refresh-two"]


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            answer({"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "x"}, 400),
            CredentialsError,
            "Install",
        ),
        (
            answer({"error": "invalid_client", "status": "BAD_CLIENT_ID", "message": "x"}, 400),
            CredentialsError,
            "client_id",
        ),
        (answer({"status": "error", "message": "x"}, 429), RetryLater, "429"),
        (Answer(502, {}, b"<html>", proven=True), RetryLater, "502"),
        (answer({"access_token": "x"}), CredentialsError, "expires_in"),
        (answer({"access_token": "x\r\ny", "expires_in": 1800}), CredentialsError, "access_token"),
    ],
)
def test_a_refused_refresh_says_whose_fault_it_is(reply: Answer, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        oauth(lambda _request: reply, FakeClock()).current()


def test_a_token_file_is_read_again_after_a_401(tmp_path: Path):
    secret = tmp_path / "token"
    secret.write_text("token-one\n")

    def handle(request: Request) -> Answer:
        if script.tokens[-1] == "token-one":
            secret.write_text("token-two")
            return EXPIRED
        return answer(definitions("name", "dealname") if "properties" in request.path else ACCOUNT)

    connector, script, _clock = opened(handle, access_token_file=secret)
    assert connector.identity() == "42"
    assert script.tokens[:2] == ["token-one", "token-two"]


def test_a_rotated_refresh_token_that_cannot_be_stored_is_not_used(tmp_path: Path):
    folder = tmp_path / "gone"
    folder.mkdir()
    secret = folder / "refresh"
    secret.write_text("refresh-one")
    handler, _issued = granting(rotate="refresh-two")

    def then_the_folder_vanishes(request: Request) -> Answer:
        secret.unlink()
        shutil.rmtree(folder)
        return handler(request)

    tokens = oauth(then_the_folder_vanishes, FakeClock(), refresh_token=None, refresh_token_file=secret)
    with pytest.raises(ConfigError, match="cannot be stored"):
        tokens.current()


@pytest.mark.parametrize("token", ["pat-na1-…", "pat na1", "pat-na1-\nsecond line", "pat\x00na1"])
@pytest.mark.parametrize("in_a_file", [True, False])
def test_a_token_that_was_copied_badly_is_a_configuration_error(tmp_path: Path, token: str, in_a_file: bool):
    secret = tmp_path / "token"
    secret.write_text(token)
    given = {"access_token_file": secret} if in_a_file else {"access_token": token}
    with pytest.raises(ConfigError, match="is no token") as caught:
        opened(lambda _request: answer({}), **given)
    assert "pat" not in str(caught.value).removeprefix(f"access_token_file {secret}")


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path):
    (tmp_path / "token").write_text("pat-na1\r\n", encoding="utf-8-sig")
    assert read_secret_file(tmp_path / "token", "access_token_file") == "pat-na1"


def test_a_secret_that_cannot_replace_its_file_is_written_into_it(tmp_path: Path):
    """As with a file that is mounted into a container by itself: nothing can be renamed onto it."""
    secret = tmp_path / "refresh"
    secret.write_text("a-longer-secret-than-the-next-one")
    with secret.open("r+") as file:
        write_secret_file(Path(f"/dev/fd/{file.fileno()}"), "refresh-two")
    assert secret.read_text() == "refresh-two"


def test_a_secret_that_could_not_be_stored_is_left_nowhere(tmp_path: Path):
    (tmp_path / "refresh").mkdir()
    with pytest.raises(ConfigError, match="install the app again"):
        write_secret_file(tmp_path / "refresh", "refresh-two")
    assert [one.name for one in tmp_path.iterdir()] == ["refresh"]


@pytest.mark.parametrize("in_a_file", [True, False])
def test_doctor_tells_when_a_rotated_refresh_token_would_be_lost(tmp_path: Path, in_a_file: bool):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    app = {**APP, "refresh_token": None, "refresh_token_file": secret} if in_a_file else APP
    handler, _issued = granting(rotate="refresh-two")
    connector, _script, _clock = opened(
        lambda request: handler(request) if request.path.startswith("/oauth") else answer(ACCOUNT), oauth=app
    )
    told = {check.name: check.status for check in connector.checks()}.get("refresh token")
    assert told == (None if in_a_file else "warning")


@pytest.mark.parametrize("content", [None, "  \n"])
def test_an_unreadable_token_file_is_a_configuration_error(tmp_path: Path, content: str | None):
    secret = tmp_path / "token"
    if content is not None:
        secret.write_text(content)
    with pytest.raises(ConfigError, match="access_token_file"):
        opened(lambda _request: answer({}), access_token_file=secret)


class Rotating:
    """HubSpot's token endpoint as it is when tokens rotate: only the newest refresh token lives."""

    def __init__(self, first: str) -> None:
        self.living = first
        self.grants = 0
        self.refused = 0
        self.lose_answer = False

    def __call__(self, request: Request) -> Answer:
        if dict(request.form)["refresh_token"] != self.living:
            self.refused += 1
            return answer({"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "x"}, 400)
        self.grants += 1
        self.living = f"refresh-{self.grants}"
        if self.lose_answer:
            raise RetryLater("The connection broke off.", sent=True)
        return answer({"access_token": f"access-{self.grants}", "expires_in": 1800, "refresh_token": self.living})


def shared(handler: Rotating, secret: Path, clock: FakeClock | None = None, sleep=None) -> OAuthToken:
    """A token source as one of several processes has it."""
    app = OAuthSettings.model_validate({**APP, "refresh_token": None, "refresh_token_file": secret})
    clock = clock or FakeClock()
    return OAuthToken(
        app, Paths("v3"), Script(handler), clock=clock, sleep=sleep or clock.sleep, redactor=Redactor()
    )  # fmt: skip


def test_two_that_share_a_rotating_refresh_token_take_turns(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    hubspot = Rotating("refresh-one")
    two = [shared(hubspot, secret, sleep=time.sleep) for _ in range(2)]

    def work(tokens: OAuthToken) -> bool:
        return all(tokens.renew(tokens.current()) for _ in range(20))

    with ThreadPoolExecutor(2) as pool:
        renewed = list(pool.map(work, two))
    assert (renewed, hubspot.refused, hubspot.grants) == ([True, True], 0, 42)
    assert secret.read_text() == hubspot.living


def test_a_renewal_that_another_process_keeps_too_long_is_waited_for_and_then_left(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    clock = FakeClock()
    with turn(secret, clock.sleep), pytest.raises(RetryLater, match="Another process"):
        shared(Rotating("refresh-one"), secret, clock).current()
    assert 60 < sum(clock.slept) < 120
    assert shared(Rotating("refresh-one"), secret, clock).current() == "access-1"


def test_a_new_token_that_was_lost_with_its_process_is_told_from_a_revocation(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    hubspot = Rotating("refresh-one")
    hubspot.lose_answer = True  # as for a process that is killed between the answer and its disk
    with pytest.raises(RetryLater):
        shared(hubspot, secret).current()
    for _ in range(2):
        with pytest.raises(CredentialsError, match="never stored"):
            shared(hubspot, secret).current()
    hubspot.lose_answer = False
    secret.write_text(hubspot.living)  # the app was installed again
    assert shared(hubspot, secret).current() == "access-2"
    secret.write_text("revoked")
    with pytest.raises(CredentialsError) as caught:
        shared(hubspot, secret).current()
    assert "never stored" not in caught.value.message


def test_a_token_survives_a_process_that_ended_before_hubspot_did_anything(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    with turn(secret, FakeClock().sleep) as cut:
        cut.begin()
    assert shared(Rotating("refresh-one"), secret).current() == "access-1"
    with turn(secret, FakeClock().sleep) as after:
        assert not after.cut_short


def test_where_no_lock_file_can_be_made_the_secret_itself_is_locked(tmp_path: Path):
    secret = tmp_path / "refresh"
    secret.write_text("refresh-one")
    (tmp_path / "refresh.lock").mkdir()
    clock = FakeClock()
    with turn(secret, clock.sleep), pytest.raises(RetryLater), turn(secret, clock.sleep):
        raise AssertionError("two had the turn at once")
    assert shared(Rotating("refresh-one"), secret).current() == "access-1"
