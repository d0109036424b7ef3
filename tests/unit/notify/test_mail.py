"""E-mail against a server that behaves like one: encryption, login, refusals, and nothing smuggled into a header."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from connectors.clock import SystemClock
from connectors.http import Deadline
from mapping.notification_life import Delivered, Later, Lost, Outcome, Refused
from notify.mail import Mail
from notify.news import Item, Message, Owner
from notify.settings import EmailChannel

CLOCK = SystemClock()
EVIL = "Acme\r\nBcc: spy@example.com\n\n<script>alert(1)</script> \u202e"


class Box:
    """Keeps letters; answers that are put into `says` are given instead, by command."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.says: dict[str, str] = {}
        self.encrypted: list[bool] = []

    async def handle_MAIL(self, _: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - its name
        self.encrypted.append(session.ssl is not None)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: Any, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802 - its name
        said = self.says.get(address) or self.says.get("RCPT", "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_QUIT(self, _: Any, __: Session, ___: Envelope) -> str:  # noqa: N802 - its name
        return self.says.get("QUIT", "221 Bye")

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        said = self.says.get("DATA", "250 OK")
        if said.startswith("250") or said == "drop":
            self.letters.append(envelope)
        if said == "drop":
            server.transport.close()
        return said

    def letter(self) -> EmailMessage:
        (kept,) = self.letters
        assert isinstance(kept.content, bytes)
        read = email.message_from_bytes(kept.content, policy=default)
        assert isinstance(read, EmailMessage)
        return read


def _login(_: Any, __: Any, ___: Any, ____: Any, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data == LoginPassword(b"keepwell", b"a-secret-of-mail"), handled=False)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def plain(box: Box) -> Iterator[int]:
    yield from _running(box)


@pytest.fixture
def secured(box: Box, certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from _running(
        box, tls_context=context, require_starttls=True, auth_required=True, authenticator=_login, auth_require_tls=True
    )


def _running(box: Box, **options: Any) -> Iterator[int]:
    with_free_port = Controller(box, hostname="127.0.0.1", port=_free(), **options)
    with_free_port.start()
    try:
        yield with_free_port.port
    finally:
        with_free_port.stop()


def _free() -> int:
    with closing(create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
        return port


def channel(port: int, **more: Any) -> EmailChannel:
    given = {"type": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "keepwell@example.com"}
    return EmailChannel(**{**given, "to": ("team@example.com", "lead@example.com"), **more})


def send(told: EmailChannel, *items: Item, seconds: float = 5.0) -> Outcome:
    listed = items or (Item("alert", "opened", "Opened", "Health fell", "Acme", "from green to red"),)
    message = Message("20260101T000000Z-0a0b0c0d", "default", listed, int(CLOCK.now().timestamp()), len(listed))
    return Mail(told).send(message, Deadline(CLOCK, seconds))


def test_a_letter_has_text_and_html_and_an_id_of_its_own(plain: int, box: Box) -> None:
    assert send(channel(plain)) == Delivered()
    letter = box.letter()
    assert box.letters[0].rcpt_tos == ["team@example.com", "lead@example.com"]
    assert letter["Subject"] == "[Keepwell] Opened: Health fell (Acme)"
    assert letter["Message-ID"] == "<20260101T000000Z-0a0b0c0d@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    text, html = (letter.get_body([kind]) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    for part in (text, html):
        assert "from green to red" in part.get_content()


def owned(title: str, email: str | None) -> Item:
    return Item("alert", "opened", "Opened", title, "Acme", owner=Owner("Somebody", email))


ALERTS = (
    owned("one", "anna@example.com"),
    owned("two", "Anna@Example.com"),
    owned("three", "ben@example.com"),
    owned("four", "eve@elsewhere.example"),
    owned("five", "eve@example.com, spy@elsewhere.example"),
    owned("six", None),
    Item("run", "failed", "Run failed", "seven"),
)


def told(box: Box) -> list[tuple[list[str], str]]:
    """Who got a letter, and which items are in it, in the order in which the server has them."""
    found = []
    for kept in box.letters:
        assert isinstance(kept.content, bytes)
        body = email.message_from_bytes(kept.content, policy=default).get_body(["plain"])  # type: ignore[attr-defined]
        words = [one.title for one in ALERTS if f": {one.title}" in body.get_content()]
        found.append((kept.rcpt_tos, " ".join(words)))
    return found


def test_an_owner_gets_the_own_alerts_where_the_domain_is_one_of_ours(plain: int, box: Box) -> None:
    assert send(channel(plain, owner_domains=("EXAMPLE.com",)), *ALERTS) == Delivered()
    assert told(box) == [
        (["anna@example.com"], "one two"),
        (["ben@example.com"], "three"),
        (["team@example.com", "lead@example.com"], "four five six seven"),
    ]
    ids = {str(email.message_from_bytes(kept.content)["Message-ID"]) for kept in box.letters}  # type: ignore[arg-type]
    assert len(ids) == 3
    box.letters.clear()
    assert send(channel(plain, owner_domains=("example.com",)), ALERTS[0]) == Delivered()
    assert told(box) == [(["anna@example.com"], "one")], "nothing is left for the team"


def test_what_the_server_takes_for_no_owner_goes_to_the_team(plain: int, box: Box) -> None:
    box.says = {"anna@example.com": "550 no such user"}
    assert send(channel(plain, owner_domains=("example.com",)), *ALERTS[:3]) == Delivered()
    assert told(box) == [(["ben@example.com"], "three"), (["team@example.com", "lead@example.com"], "one two")]


def test_a_message_of_which_a_part_went_out_may_have_arrived(plain: int, box: Box) -> None:
    box.says = {"ben@example.com": "451 try later"}
    outcome = send(channel(plain, owner_domains=("example.com",)), *ALERTS[:3])
    assert isinstance(outcome, Lost)
    assert outcome.reason.startswith("1 of its letters arrived, then: the mail server says 451")
    box.letters.clear()
    box.says = {"anna@example.com": "451 try later"}
    assert isinstance(send(channel(plain, owner_domains=("example.com",)), *ALERTS[:3]), Later)
    assert box.letters == []


def test_text_of_a_crm_gets_into_no_header_and_is_no_html(plain: int, box: Box) -> None:
    evil = Item("alert", "opened", "Opened", EVIL, EVIL, EVIL, (("level", EVIL),), owner=Owner(EVIL))
    assert send(channel(plain), evil) == Delivered()
    letter = box.letter()
    assert letter["Bcc"] is None
    assert letter["Subject"].count("\n") == 0
    assert sorted(box.letters[0].rcpt_tos) == ["lead@example.com", "team@example.com"]
    html = letter.get_body(["html"])
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


def test_starttls_and_login(secured: int, box: Box, certificate: Path) -> None:
    told = {"host": "localhost", "security": "starttls", "username": "keepwell", "ca_file": certificate}
    assert send(channel(secured, password="a-secret-of-mail", **told)) == Delivered()
    assert box.encrypted == [True]
    refused = send(channel(secured, password="another-secret", **told))
    assert isinstance(refused, Later)
    assert "refuses the login" in refused.reason
    assert "secret" not in refused.reason


def test_a_certificate_that_nobody_vouches_for_is_not_taken(secured: int, box: Box) -> None:
    outcome = send(channel(secured, host="localhost", security="starttls"))
    assert isinstance(outcome, Later)
    assert "encrypted connection" in outcome.reason
    assert box.letters == []


def test_a_server_without_starttls_gets_nothing_in_the_clear(plain: int, box: Box) -> None:
    assert isinstance(send(channel(plain, host="localhost", security="starttls")), Later)
    assert box.encrypted == []


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({"MAIL": "451 try again"}, Later),
        ({"RCPT": "450 greylisted"}, Later),
        ({"RCPT": "550 no such user"}, Refused),
        ({"DATA": "452 full"}, Later),
        ({"DATA": "554 spam"}, Refused),
        ({"DATA": "drop"}, Lost),
    ],
)
def test_what_a_server_says(plain: int, box: Box, said: dict[str, str], means: type[Outcome]) -> None:
    box.says = said
    assert isinstance(send(channel(plain)), means)


@pytest.mark.parametrize("farewell", ["250 OK", "421 closing", "500 what?"])
def test_a_letter_that_was_taken_stays_taken_whatever_the_server_says_at_parting(
    plain: int, box: Box, farewell: str
) -> None:
    box.says = {"QUIT": farewell}
    assert send(channel(plain)) == Delivered()
    box.says = {"QUIT": farewell, "DATA": "554 spam"}
    assert isinstance(send(channel(plain)), Refused), "what it said to the letter counts"


def test_a_letter_goes_through_a_server_that_takes_ascii_only(plain: int, box: Box) -> None:
    assert send(channel(plain), Item("alert", "opened", "Opened", "Es fällt", "Müller · 東京")) == Delivered()
    content = box.letters[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    text = box.letter().get_body(["plain"])
    assert text is not None
    assert "Müller · 東京" in text.get_content()


def test_what_cannot_be_sent_to_a_mail_server_is_a_sentence(secured: int, certificate: Path) -> None:
    login = {"host": "localhost", "security": "starttls", "username": "keepwell", "ca_file": certificate}
    for told in (channel(secured, password="gehäim-und-lang", **login), channel(25, host="mail..example.com",
                 security="tls")):  # fmt: skip
        outcome = send(told)
        assert isinstance(outcome, Later)
        assert "character" in outcome.reason
        assert "gehäim" not in outcome.reason


def test_one_address_that_is_refused_keeps_nobody_else_from_the_letter(plain: int, box: Box) -> None:
    box.says = {"lead@example.com": "550 no such user"}
    assert send(channel(plain)) == Delivered("the mail server refused lead@example.com")
    assert box.letters[0].rcpt_tos == ["team@example.com"]


def test_nobody_listens() -> None:
    outcome = send(channel(_free()))
    assert isinstance(outcome, Later)
    assert "cannot be reached" in outcome.reason
