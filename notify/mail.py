"""E-mail by SMTP: encrypted, plain text and HTML; to the addresses of a channel, or an alert to the person who owns it.

The Message-ID is made from the message's key, so that one that was sent twice can be told; not every mail system looks.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from connectors.http import Deadline
from mapping.notification_life import Delivered, Later, Lost, Outcome, Refused
from notify.http import CONNECT, READ
from notify.news import Item, Message
from notify.settings import EmailChannel, is_address
from notify.text import one_line
from notify.tls import context

MOST_ITEMS = 200
GOODBYE = 1.0
"""Seconds that the server may take to say goodbye."""
_PLAIN = SMTP.clone(cte_type="7bit")
"""Not every server takes bytes above 127 (8BITMIME)."""
_Line = tuple[str, list[str]]


class Mail:
    """Sends to the addresses of one channel."""

    repeatable = False
    pace = 0.0

    def __init__(self, channel: EmailChannel) -> None:
        self._channel = channel

    def send(self, message: Message, deadline: Deadline) -> Outcome:
        taken: list[str] = []
        try:
            with closing(self._open(deadline)) as server:
                outcome = self._hand_over(server, message, deadline, taken)
                _say_goodbye(server)
                return outcome
        except (OSError, UnicodeError) as error:
            return _unless(taken, Later(_trouble(error)))

    def _open(self, deadline: Deadline) -> smtplib.SMTP:
        channel, timeout = self._channel, _left(deadline, CONNECT)
        if channel.security == "tls":
            return smtplib.SMTP_SSL(channel.host, channel.port, timeout=timeout, context=context(channel.ca_file))
        server = smtplib.SMTP(channel.host, channel.port, timeout=timeout)
        if channel.security == "starttls":
            try:
                server.starttls(
                    context=context(channel.ca_file)
                )  # raises where it is not offered: never go on in the clear
            except BaseException:
                server.close()
                raise
        return server

    def _hand_over(self, server: smtplib.SMTP, message: Message, deadline: Deadline, taken: list[str]) -> Outcome:
        """Send the owners theirs, then `to` the rest; `taken` gets a word about each letter that the server has."""
        channel = self._channel
        _patience(server, deadline)
        if channel.username is not None and channel.password is not None:
            server.login(channel.username, channel.password.get_secret_value())
        server.ehlo_or_helo_if_needed()
        owned, rest = _by_owner(channel, message.items)
        for number, (address, items) in enumerate(owned.items(), 1):
            key, critical = f"{message.key}.{number}", _critical(items)
            theirs = replace(message, key=key, items=items, total=len(items), critical=critical)
            outcome = self._one(server, (address,), letter(channel, theirs, (address,)), deadline)
            if isinstance(outcome, Refused):
                rest = [*rest, *items]  # who does not have an address any more must not keep the news from everybody
                server.rset()
            elif isinstance(outcome, Delivered):
                taken.append(outcome.remark)
            else:
                return _unless(taken, outcome)
        beyond = message.total - len(message.items)
        if owned and not rest and not beyond:
            return Delivered()
        left = replace(message, items=rest, total=len(rest) + beyond, critical=_critical(rest)) if owned else message
        outcome = self._one(server, channel.to, letter(channel, left, channel.to), deadline)
        return _unless(taken, outcome)

    def _one(
        self, server: smtplib.SMTP, addresses: Sequence[str], written: EmailMessage, deadline: Deadline
    ) -> Outcome:
        """Send one letter to some addresses, as far as the server takes them."""
        _patience(server, deadline)
        code, said = server.mail(self._channel.sender)
        if code != 250:
            return _refusal(code, said)
        turned_away = {}
        for address in addresses:
            _patience(server, deadline)
            code, said = server.rcpt(address)
            if code not in {250, 251}:
                turned_away[address] = code, said
        if len(turned_away) == len(addresses):
            worst = min(turned_away.values())  # one that may work later is worth a later attempt
            return _refusal(*worst)
        _patience(server, deadline)
        try:
            code, said = server.data(written.as_bytes())
        except (smtplib.SMTPServerDisconnected, OSError):
            return Lost("the mail server did not say whether it took the message")
        if code != 250:
            return _refusal(code, said)
        return Delivered(f"the mail server refused {', '.join(sorted(turned_away))}" if turned_away else "")


def _by_owner(channel: EmailChannel, items: Sequence[Item]) -> tuple[dict[str, list[Item]], list[Item]]:
    """The items of each owner who has an address in one of the channel's domains, and all others."""
    owned: dict[str, list[Item]] = {}
    rest: list[Item] = []
    for item in items:
        address = (item.owner.email or "").strip().lower() if item.owner is not None else ""
        known = is_address(address) and address.rpartition("@")[2] in channel.owner_domains
        (owned.setdefault(address, []) if known else rest).append(item)
    return owned, rest


def _critical(items: Sequence[Item]) -> int:
    return sum(item.critical for item in items)


def _unless(taken: Sequence[str], outcome: Outcome) -> Outcome:
    """What a failure comes to: with a part of the message delivered, one for later is one that may have arrived."""
    if taken and isinstance(outcome, Later):
        return Lost(f"{len(taken)} of its letters arrived, then: {outcome.reason}")
    return outcome


def letter(channel: EmailChannel, message: Message, to: Sequence[str]) -> EmailMessage:
    """The message with its headers, plain text and HTML."""
    written = EmailMessage(policy=_PLAIN)
    written["Subject"] = f"[Keepwell] {one_line(message.title, 180)}"
    written["From"] = channel.sender
    written["To"] = ", ".join(to)
    written["Date"] = format_datetime(datetime.fromtimestamp(message.sent_at, UTC))
    written["Message-ID"] = f"<{message.key}@{channel.sender.rpartition('@')[2]}>"
    written["Auto-Submitted"] = "auto-generated"
    written["X-Auto-Response-Suppress"] = "All"
    paragraphs = [_paragraph(item) for item in message.items[:MOST_ITEMS]]
    rest = message.total - len(paragraphs)
    foot = f"… and {rest} more: keepwell alerts list" if rest else f"Workspace {message.workspace}"
    written.set_content("\n\n".join("\n".join([head, *lines]) for head, lines in paragraphs) + f"\n\n-- \n{foot}\n")
    written.add_alternative(_html(paragraphs, foot), subtype="html")
    return written


def _paragraph(item: Item) -> _Line:
    head = f"{item.what}: {one_line(item.title, 200)}"
    if item.subject:
        head += f" ({one_line(item.subject, 200)})"
    lines = [one_line(item.why, 1000)] if item.why else []
    if item.owner is not None:
        lines.append(f"for: {one_line(item.owner.name, 200)}")
    lines += [f"{name}: {one_line(value, 200)}" for name, value in item.facts]
    return head, [*lines, f"next: {item.command}"] if item.command else lines


def _html(paragraphs: list[_Line], foot: str) -> str:
    parts = [
        f"<p><b>{escape(head)}</b>{''.join(f'<br>{escape(line)}' for line in lines)}</p>" for head, lines in paragraphs
    ]
    return f"<!doctype html><html><body>{''.join(parts)}<p><small>{escape(foot)}</small></p></body></html>"


def _refusal(code: int, said: bytes) -> Outcome:
    told = f"the mail server says {code} {one_line(said.decode('utf-8', 'replace'), 120)}"
    return Refused(told) if code >= 500 else Later(told)


def _trouble(error: OSError | UnicodeError) -> str:
    """Why the letter was not taken, in words; what `smtplib` raises is an OSError, too."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the mail server refuses the login: {_said(error)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server says {_said(error)}"
    if isinstance(error, smtplib.SMTPException):  # STARTTLS or AUTH is not offered, the connection ended
        return f"the mail server: {one_line(error, 120)}"
    if isinstance(error, ssl.SSLError):
        return f"the encrypted connection to the mail server failed: {one_line(error.reason, 80)}"
    if isinstance(error, UnicodeError):  # smtplib logs in with ASCII, and names of hosts have rules of their own
        return "`host`, `username` or `password` has a character that cannot be sent to a mail server"
    return f"the mail server cannot be reached: {one_line(error.strerror or type(error).__name__, 80)}"


def _said(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
    return f"{error.smtp_code} {one_line(text, 120)}"


def _say_goodbye(server: smtplib.SMTP) -> None:
    """End the session; what the server says to that changes nothing, and is not waited for long."""
    with suppress(smtplib.SMTPException, OSError):
        if server.sock is not None:
            server.sock.settimeout(GOODBYE)
        server.quit()


def _patience(server: smtplib.SMTP, deadline: Deadline) -> None:
    """Let the next answer take no longer than there is time."""
    if server.sock is not None:
        server.sock.settimeout(_left(deadline, READ))


def _left(deadline: Deadline, most: float) -> float:
    left = deadline.left()
    if left <= 0:
        raise TimeoutError("there was no time left to send it")
    return min(most, left)
