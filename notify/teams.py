"""Microsoft Teams: an Adaptive Card to the webhook of a Workflow.

Everything from a CRM stands in a `TextRun`, which knows no Markdown; a mention needs a `TextBlock`, which does, so that
nothing but letters and digits of a name gets there. A Workflow answers 202 before it looks at it:
the card must be right, and at most 28 KB. It has no key by which it would know a repeated message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.http import Answer, Deadline
from mapping.notification_life import Delivered, Later, Outcome
from notify.http import Web
from notify.news import Item, Message, Owner
from notify.settings import TeamsChannel
from notify.text import card, one_line

LARGEST = 27_000
"""Bytes of a message, a little less than the 28 KB that Teams takes."""
_MOST_ITEMS = 40
_NO_LETTERS = re.compile(r"[\W_]+")


class Teams:
    """Posts to one channel."""

    repeatable = False
    pace = 0.3

    def __init__(self, channel: TeamsChannel, web: Web) -> None:
        self._channel, self._web = channel, web

    def send(self, message: Message, deadline: Deadline) -> Outcome:
        headers = {"Content-Type": "application/json"}
        body = fitting(message, self._channel.mentions)
        answer = self._web.send("POST", self._channel.webhook_url, headers, body, deadline)
        if not isinstance(answer, Answer):
            return answer
        if not 200 <= answer.status < 300:
            return self._web.judge(answer)
        said = answer.body[:400].decode("utf-8", "replace")
        # The connectors before Workflows said so with 200, and a Response action of a Workflow may.
        if "failed" in said.lower():
            return Later(f"answered {answer.status}: {one_line(said, 120)}")
        return Delivered()


def fitting(message: Message, mentions: Mapping[str, str]) -> bytes:
    """The body, with as many items as have room; `mentions` are people of Teams by the keys of owners."""
    most = min(len(message.items), _MOST_ITEMS)
    while True:
        body = orjson.dumps(envelope(message, most, mentions))
        if len(body) <= LARGEST or most <= 1:
            return body
        most = max(1, most * 3 // 4)


def envelope(message: Message, most: int, mentions: Mapping[str, str]) -> dict[str, Any]:
    """The message as JSON, with at most so many items."""
    tags: dict[str, str] = {}
    body: list[dict[str, Any]] = [_runs([_run(message.title, 200, weight="Bolder", size="Large")])]
    for item in message.items[:most]:
        body += _item(item, alone=message.total == 1)
        if (tag := _tag(item.owner, mentions, tags)) is not None:
            body.append({"type": "TextBlock", "text": tag, "wrap": True})
    rest = message.total - most
    foot = f"… and {rest} more: keepwell alerts list" if rest else f"Workspace {message.workspace}"
    body.append(_runs([_run(foot, 120, size="Small", isSubtle=True)]))
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": card(message.title, 200),
        "msteams": {"width": "Full", "entities": _entities(tags)},
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}


def _tag(owner: Owner | None, mentions: Mapping[str, str], tags: dict[str, str]) -> str | None:
    """What stands for an owner whom Teams is to mention, None for others; `tags` are those of the message by person."""
    person = next((mentions[key] for key in owner.keys if key in mentions), None) if owner is not None else None
    if owner is None or person is None:
        return None
    if person not in tags:
        name = " ".join(_NO_LETTERS.sub(" ", one_line(owner.name, 60)).split()) or "owner"
        # Teams finds who is meant by the text: two people of one name need two.
        tags[person] = f"<at>{name}</at>" if f"<at>{name}</at>" not in tags.values() else f"<at>{name} {len(tags)}</at>"
    return tags[person]


def _entities(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"type": "mention", "text": tag, "mentioned": {"id": person, "name": tag[len("<at>") : -len("</at>")]}}
        for person, tag in tags.items()
    ]


def _item(item: Item, *, alone: bool) -> list[dict[str, Any]]:
    wide, narrow = (600, 200) if alone else (160, 60)
    head = [_run(f"{item.what}: {item.title}", wide // 2, weight="Bolder", color=_colour(item))]
    if item.subject:
        head.append(_run(f" · {item.subject}", narrow))
    found = [_runs(head, separator=True)]
    if item.why:
        found.append(_runs([_run(item.why, wide)]))
    facts = [f"{name}: {value}" for name, value in item.facts]
    if item.owner is not None:
        facts.insert(0, item.owner.name)
    if facts:
        found.append(_runs([_run(" · ".join(one_line(fact, narrow) for fact in facts), 600, isSubtle=True)]))
    if item.command and alone:
        found.append(_runs([_run(item.command, 120, fontType="Monospace")]))
    return found


def _colour(item: Item) -> str:
    if item.change in {"resolved", "recovered", "acknowledged"}:
        return "Good"
    return "Attention" if item.critical else "Warning"


def _runs(inlines: list[dict[str, Any]], *, separator: bool = False) -> dict[str, Any]:
    return {"type": "RichTextBlock", "separator": separator, "inlines": inlines}


def _run(text: str, limit: int, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": card(text, limit), **look}
