"""What holds for every answer: headers, known hosts, forms of our own only; and where nothing may be served at all."""

from __future__ import annotations

import pytest

from config.dashboard import Dashboard
from dashboard.web.app import create_app
from dashboard.web.serve import ServeError, bound, check_exposure
from dashboard.web.shield import HEADERS
from tests.dashboard.client import Client
from tests.dashboard.kit import World, parts


@pytest.fixture
def asked(here: World) -> Client:
    return Client(create_app(here.parts))


@pytest.mark.parametrize("address", ["/", "/accounts.json", "/nowhere", "/healthz", "/static/keepwell.js", "/login"])
def test_every_answer_has_the_headers(asked: Client, address: str) -> None:
    answer = asked.get(address)
    for name, value in HEADERS.items():
        if name != "cache-control":
            assert answer.headers[name] == value
    kept = address.startswith("/static/")
    assert answer.headers["cache-control"] == ("public, max-age=31536000, immutable" if kept else "no-store")


def test_nothing_inline_is_allowed() -> None:
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8400", "[::1", "", "localhost@evil.example"])
def test_another_name_is_refused_but_for_the_probe(asked: Client, host: str) -> None:
    asked.host = host
    assert asked.get("/").status == 421
    assert asked.get("/healthz").status == 200


def test_people_may_reach_it_by_an_ipv6_address(here: World) -> None:
    own = Dashboard.model_validate({"allowed_hosts": ["[FD00:0::7]", "fd00::8"]})
    assert own.allowed_hosts == ("fd00::7", "fd00::8")
    asked = Client(create_app(parts(here.url, dashboard=own.model_dump())))
    for host, status in (("[fd00::7]:8400", 200), ("[fd00:0:0::8]", 200), ("[fd00::9]", 421), ("fd00::7", 421)):
        asked.host = host
        assert asked.get("/").status == status, host


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:8400", "127.0.0.1", "LOCALHOST"])
def test_this_machine_has_several_names(asked: Client, host: str) -> None:
    asked.host = host
    assert asked.get("/").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"sec_fetch_site": ""}, 303),
        ({"origin": ""}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "", "sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "", "sec_fetch_site": ""}, 403),
    ],
)
def test_only_a_page_of_our_own_changes_a_cookie(asked: Client, headers: dict[str, str], status: int) -> None:
    assert asked.post("/theme", {"theme": "dark"}, **headers).status == status
    assert ("theme" in asked.cookies) == (status == 303)


@pytest.mark.parametrize(
    ("given", "lands"),
    [
        ("/accounts?q=a", "/accounts?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nset-cookie: b=c", "/"),
    ],
)
def test_a_form_leads_nowhere_else(asked: Client, given: str, lands: str) -> None:
    assert asked.post("/theme", {"theme": "dark", "next": given}).headers["location"] == lands


def test_the_theme_is_kept_and_another_word_is_none(asked: Client) -> None:
    asked.post("/theme", {"theme": "dark"})
    assert 'data-theme="dark"' in asked.get("/").text
    asked.post("/theme", {"theme": '"><script>'})
    assert 'data-theme="auto"' in asked.get("/").text


def test_methods_that_no_page_has_are_refused(asked: Client) -> None:
    assert asked.post("/accounts").status == 405


@pytest.mark.parametrize(
    ("settings", "host", "fine"),
    [
        ({}, "127.0.0.1", True),
        ({}, "localhost", True),
        ({}, "::1", True),
        ({}, "0.0.0.0", False),  # noqa: S104 - that is the point
        ({}, "::", False),
        ({}, "10.1.2.3", False),
        ({"allowed_hosts": ["keepwell.example"]}, "127.0.0.1", False),  # somebody hands requests on
        ({"proxy": {"user_header": "X-User"}}, "0.0.0.0", False),  # noqa: S104 - from nowhere
        ({"proxy": {"user_header": "X-User", "addresses": ["10.0.0.1"]}}, "0.0.0.0", True),  # noqa: S104
    ],
)
def test_nobody_looks_whom_nobody_knows(settings: dict[str, object], host: str, *, fine: bool) -> None:
    own = Dashboard.model_validate(settings)
    if fine:
        check_exposure(own, host)
        return
    with pytest.raises(ServeError) as raised:
        check_exposure(own, host)
    assert "keepwell config hash-password" in raised.value.hint


def test_a_port_that_is_taken_is_named() -> None:
    with bound("127.0.0.1", 0) as taken, pytest.raises(ServeError, match=str(taken.getsockname()[1])):
        bound("127.0.0.1", taken.getsockname()[1])


def test_behind_tls_browsers_are_told_so() -> None:
    own = parts("sqlite:////nowhere/none.db", dashboard={"https": True})
    assert "strict-transport-security" in Client(create_app(own)).get("/healthz").headers
