"""Slack: Block Kit by an incoming webhook, or by `chat.postMessage` with a bot's token.

The Web API answers 200 also when it refuses, with `ok: false` and a word; a webhook answers with plain text. Slack has
no key by which it would know a repeated message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from pydantic import SecretStr

from connectors.http import Answer, Deadline
from mapping.notification_life import Delivered, Later, Lost, Outcome, Refused
from notify.http import Web
from notify.news import Item, Message, Owner
from notify.settings import SlackChannel
from notify.text import one_line, slack, slack_plain

MOST_ITEMS, MOST_TEXT = 40, 10_000
"""Items and characters that one message shows: more than 50 blocks, or about 13,200 characters, are refused."""
_WRONG_MESSAGE = frozenset(
    {
        "invalid_payload", "no_text", "too_many_attachments", "user_not_found",  # webhooks
        "invalid_blocks", "invalid_blocks_format", "invalid_arguments", "msg_too_long", "msg_blocks_too_long",
        "too_many_blocks",
    }
)  # fmt: skip
LONGEST_LOOK = 2.0
"""Seconds that it may take to find out who an owner is in Slack."""
_JSON = "application/json; charset=utf-8"


class Slack:
    """Posts to one channel, a message a second at most, as Slack wants it."""

    repeatable = False
    pace = 1.0

    def __init__(self, channel: SlackChannel, web: Web) -> None:
        self._channel, self._web = channel, web
        self._members: dict[str, str | None] = dict(channel.mentions)

    def send(self, message: Message, deadline: Deadline) -> Outcome:
        body = blocks(message, {id(item): self._mention(item.owner, deadline) for item in message.items})
        if self._channel.webhook_url is not None:
            headers = {"Content-Type": _JSON}
            answer = self._web.send("POST", self._channel.webhook_url, headers, orjson.dumps(body), deadline)
            return answer if not isinstance(answer, Answer) else self._of_webhook(answer)
        told = {"channel": self._channel.channel, "unfurl_links": False, "unfurl_media": False, **body}
        headers = self._token() | {"Content-Type": _JSON}
        answer = self._web.send("POST", self._method("chat.postMessage"), headers, orjson.dumps(told), deadline)
        return answer if not isinstance(answer, Answer) else self._of_api(answer)

    def _of_webhook(self, answer: Answer) -> Outcome:
        if answer.status == 200:
            return Delivered()
        word = one_line(answer.body[:200].decode("utf-8", "replace"), 60)
        if word in _WRONG_MESSAGE:
            return Refused(f"answered {answer.status}: {word}")
        judged = self._web.judge(answer)
        # A word of another kind is about the channel or the webhook, which a person can put right.
        return Later(f"answered {answer.status}: {word}") if isinstance(judged, Refused) else judged

    def _of_api(self, answer: Answer) -> Outcome:
        if answer.status != 200:
            judged = self._web.judge(answer)
            return Later(judged.reason) if isinstance(judged, Refused) else judged
        said = _object(answer.body)
        if said is None:
            return Lost("answered 200 with something that is not Slack's answer")
        if said.get("ok") is True:
            return Delivered()
        word = one_line(said.get("error") or "no reason", 60)
        return Refused(f"refused it: {word}") if word in _WRONG_MESSAGE else Later(f"refused it: {word}")

    def _mention(self, owner: Owner | None, deadline: Deadline) -> str | None:
        """The member id of an owner: as configured, else as Slack knows the e-mail address; None when nobody knows."""
        if owner is None:
            return None
        for key in owner.keys:
            if (known := self._members.get(key)) is not None:
                return known
        if self._channel.token is None or owner.email is None:
            return None
        key = owner.email.lower()
        if key not in self._members:
            if deadline.left() < deadline.seconds / 2:
                return None  # the rest of the time is the message's
            self._members[key] = self._look_up(owner.email)
        return self._members[key]

    def _look_up(self, email: str) -> str | None:
        """Who it is in Slack; a mention is not worth a message, so whatever goes wrong means nobody."""
        form = urlencode({"email": email}).encode()
        headers = self._token() | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._web.send(
            "POST", self._method("users.lookupByEmail"), headers, form, self._web.within(LONGEST_LOOK)
        )
        said = _object(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
        user = said.get("user") if said is not None and said.get("ok") is True else None
        found = user.get("id") if isinstance(user, dict) else None
        return found if isinstance(found, str) and found.isalnum() else None

    def _method(self, name: str) -> SecretStr:
        return SecretStr(f"{self._channel.api_url.get_secret_value().rstrip('/')}/{name}")

    def _token(self) -> dict[str, str]:
        token = self._channel.token
        return {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}


def blocks(message: Message, mentions: Mapping[int, str | None]) -> dict[str, Any]:
    """Text for notifications and blocks for the channel; `mentions` are member ids by the `id()` of an item."""
    alone = message.total == 1
    title = slack_plain(message.title, 140)
    made: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}]
    shown, room = 0, MOST_TEXT
    for item in message.items[:MOST_ITEMS]:
        text = _section(item, mentions.get(id(item)), alone=alone)
        room -= len(text)
        if room < 0:
            break
        made.append({"type": "section", "text": _markup(text)})
        shown += 1
    rest = message.total - shown
    foot = f"… and {rest} more: `keepwell alerts list`" if rest else f"Workspace {slack(message.workspace, 64)}"
    made.append({"type": "context", "elements": [_markup(foot)]})
    return {"text": slack(message.title, 300), "blocks": made}


def _markup(text: str) -> dict[str, Any]:
    """Text in which Slack makes no link of what looks like an address."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(item: Item, member: str | None, *, alone: bool) -> str:
    wide, narrow = (600, 200) if alone else (160, 60)
    head = f"*{slack(item.what, 60)}: {slack(item.title, wide // 4)}*"
    lines = [head + (f" · {slack(item.subject, narrow)}" if item.subject else "")]
    if item.why:
        lines.append(slack(item.why, wide))
    facts = [f"{name}: {slack(value, narrow)}" for name, value in item.facts]
    if item.owner is not None:
        facts.insert(0, f"<@{member}>" if member else slack(item.owner.name, narrow))
    if facts:
        lines.append(" · ".join(facts))
    if item.command and alone:
        lines.append(f"`{slack(item.command, 120)}`")
    return "\n".join(lines)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None
