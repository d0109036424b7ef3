"""Who may look: passwords, sessions that end, guesses that are slowed down, and a proxy that is trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest

from dashboard.web.access import Access, hash_password
from dashboard.web.app import create_app
from dashboard.web.throttle import FREE_BY_ADDRESS, FREE_BY_NAME, LONGEST_WAIT, Throttle
from tests.dashboard.client import Client
from tests.dashboard.kit import World

PASSWORD = "correct horse battery"


@dataclass
class Clock:
    """Time that a test moves."""

    seconds: float = 1_000_000.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Guarded:
    """A dashboard that asks who is there."""

    made: World
    clock: Clock = field(default_factory=Clock)
    settings: dict[str, Any] = field(default_factory=dict)

    def client(self, peer: str = "203.0.113.7") -> Client:
        own = self.made.parts.settings.model_copy(
            update={"dashboard": type(self.made.parts.settings.dashboard).model_validate(self.settings)}
        )
        access = Access(own.dashboard, now=self.clock.now, monotonic=self.clock.now)
        app = create_app(replace(self.made.parts, settings=own, access=access))
        return Client(app, peer=peer, host="localhost")


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def guarded(here: World, hashed: str) -> Guarded:
    users = {"anna": {"password_hash": hashed}, "root": {"password_hash": hashed, "role": "admin"}}
    return Guarded(here, settings={"users": users, "session_secret": "s" * 32, "session_hours": 2})


def log_in(client: Client, user: str = "anna", password: str = PASSWORD, after: str = "/") -> int:
    return client.post("/login", {"user": user, "password": password, "next": after}).status


def test_who_is_not_known_is_sent_to_the_form_and_comes_back(guarded: Guarded) -> None:
    client = guarded.client()
    answer = client.get("/accounts?q=a")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=%2Faccounts%3Fq%3Da")
    assert client.get("/accounts.json").status == 401
    assert client.get("/nowhere").status == 303
    assert "<form" in client.get("/login").text
    done = client.post("/login", {"user": "anna", "password": PASSWORD, "next": "/accounts?q=a"})
    assert (done.status, done.headers["location"]) == (303, "/accounts?q=a")
    assert client.get("/accounts?q=a").status == 200
    assert "anna" in client.get("/").text


def test_the_cookie_is_for_this_server_alone(guarded: Guarded) -> None:
    client = guarded.client()
    header = client.post("/login", {"user": "anna", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "httponly" in header
    assert "samesite=strict" in header
    assert "secure" not in header
    guarded.settings["https"] = True
    header = guarded.client().post("/login", {"user": "anna", "password": PASSWORD}).headers["set-cookie"]
    assert header.startswith("__Host-keepwell=")
    assert "secure" in header.lower()


@pytest.mark.parametrize(("user", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")])
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(guarded: Guarded, user: str, password: str) -> None:
    client = guarded.client()
    answer = client.post("/login", {"user": user, "password": password})
    assert answer.status == 401
    assert "The name or the password is wrong." in answer.text
    assert client.cookies == {}


def test_an_address_with_encoded_parts_is_come_back_to(guarded: Guarded) -> None:
    client = guarded.client()
    wanted = "/accounts/crm%3A1%20%C3%A9?x=a%26b"
    answer = client.get(wanted)
    assert answer.headers["location"] == "/login?next=" + quote(wanted, safe="")
    done = client.post("/login", {"user": "anna", "password": PASSWORD, "next": wanted})
    assert done.headers["location"] == wanted
    assert f'name="next" value="{wanted}"' in client.get(wanted).text, "nor does another colour lose the way"


def test_guesses_from_one_address_have_to_wait(guarded: Guarded) -> None:
    client = guarded.client()
    for _ in range(FREE_BY_ADDRESS):
        assert log_in(client, password="wrong") == 401
    answer = client.post("/login", {"user": "anna", "password": PASSWORD})
    assert (answer.status, answer.headers["retry-after"]) == (429, "15")
    guarded.clock.seconds += 16
    assert log_in(client) == 303


def test_one_who_has_a_whole_network_is_one(guarded: Guarded) -> None:
    client = guarded.client()
    for number in range(FREE_BY_ADDRESS):
        client.peer = f"2001:db8::{number}"
        assert log_in(client, f"u{number}", "wrong") == 401
    client.peer = "2001:db8::ffff:1"
    assert log_in(client) == 429
    client.peer = "2001:db8:0:1::1"
    assert log_in(client) == 303


def test_guesses_for_one_name_have_to_wait_wherever_they_come_from() -> None:
    clock = Clock()
    throttle = Throttle(clock.now)
    for number in range(FREE_BY_NAME):
        assert throttle.begin(f"10.0.0.{number}", "anna") == 0
    assert throttle.begin("10.0.1.1", "anna") == 15
    assert throttle.begin("10.0.1.1", "bert") == 0
    for _ in range(20):
        clock.seconds += LONGEST_WAIT
        assert throttle.begin("10.0.1.2", "anna") == 0
    assert throttle.begin("10.0.1.3", "anna") == LONGEST_WAIT
    throttle.succeeded("10.0.1.2", "anna")
    assert throttle.begin("10.0.1.3", "anna") == 0


def test_a_session_ends_by_itself_and_by_leaving(guarded: Guarded) -> None:
    client = guarded.client()
    log_in(client)
    copied = dict(client.cookies)
    guarded.clock.seconds += 2 * 3600 - 1
    assert client.get("/").status == 200
    assert client.post("/logout").status == 303
    assert client.cookies == {}
    client.cookies = copied  # somebody kept the cookie
    assert client.get("/").status == 303
    log_in(client)
    guarded.clock.seconds += 2 * 3600
    assert client.get("/").status == 303


def test_a_session_ends_with_the_password_it_began_with(guarded: Guarded) -> None:
    client = guarded.client()
    log_in(client)
    guarded.settings["users"]["anna"]["password_hash"] = hash_password("another one")
    other = guarded.client()
    other.cookies = client.cookies
    assert other.get("/").status == 303
    del guarded.settings["users"]["anna"]
    other = guarded.client()
    other.cookies = client.cookies
    assert other.get("/").status == 303


@pytest.mark.parametrize("cookie", ["", "x", "e30.x", "A" * 5000])
def test_a_cookie_that_was_not_signed_here_is_none(guarded: Guarded, cookie: str) -> None:
    client = guarded.client()
    log_in(client)
    whole = client.cookies["keepwell"]
    for made in (cookie, whole[:-2] + "AA", whole.replace(".", "..")):
        client.cookies = {"keepwell": made}
        assert client.get("/").status == 303


def test_roles_part_what_is_for_admins(guarded: Guarded) -> None:
    client = guarded.client()
    log_in(client, "anna")
    assert client.get("/settings.json").status == 403
    assert "/settings" not in client.get("/").text
    log_in(client, "root")
    told = client.get("/settings.json")
    assert told.status == 200
    assert "$argon2id$" not in told.text
    assert "s" * 32 not in told.text
    assert "/settings" in client.get("/").text


def test_a_form_that_is_too_large_is_no_form(guarded: Guarded) -> None:
    assert log_in(guarded.client(), password="p" * 10_000) == 401


def test_a_name_counts_only_when_the_trusted_proxy_says_it(guarded: Guarded) -> None:
    guarded.settings = {
        "proxy": {"addresses": ["10.0.0.0/24"], "user_header": "X-User", "admins": ["root"]},
        "session_secret": "s" * 32,
    }
    proxy, stranger = guarded.client("10.0.0.9"), guarded.client("203.0.113.7")
    assert proxy.get("/", x_user="anna").status == 200
    assert proxy.get("/").status == 401
    assert proxy.get("/", x_user="anna,root").status == 401
    assert stranger.get("/", x_user="anna").status == 401
    # A socket for both kinds of addresses shows those of the older kind like this.
    assert guarded.client("::ffff:10.0.0.9").get("/", x_user="anna").status == 200
    assert guarded.client("::ffff:203.0.113.7").get("/", x_user="anna").status == 401
    assert "Come by the proxy" in stranger.get("/accounts.json", x_user="root").text


def test_behind_the_proxy_guesses_count_for_who_makes_them(guarded: Guarded) -> None:
    guarded.settings["proxy"] = {"addresses": ["10.0.0.9"]}
    client = guarded.client("10.0.0.9")
    for number in range(FREE_BY_ADDRESS):
        forged = f"198.51.100.{number}, 203.0.113.1"  # what the client sent itself comes first
        assert client.post("/login", {"user": f"u{number}", "password": "x"}, x_forwarded_for=forged).status == 401
    blocked = client.post("/login", {"user": "root", "password": PASSWORD}, x_forwarded_for="203.0.113.1")
    assert blocked.status == 429
    assert client.post("/login", {"user": "root", "password": PASSWORD}, x_forwarded_for="203.0.113.2").status == 303
