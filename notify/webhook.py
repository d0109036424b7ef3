"""A generic receiver: JSON, signed as the specification *Standard Webhooks* says."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.http import Answer, Deadline
from mapping.notification_life import Delivered, Outcome
from notify.http import Web
from notify.news import Item, Message
from notify.settings import WebhookChannel, signing_key

TYPE = "keepwell.notification"


class Webhook:
    """Posts to one address; the receiver knows a repeated message by its `webhook-id`."""

    repeatable = True
    pace = 0.0

    def __init__(self, channel: WebhookChannel, web: Web) -> None:
        self._channel, self._web = channel, web

    def send(self, message: Message, deadline: Deadline) -> Outcome:
        body = orjson.dumps(payload(message))
        headers = {"Content-Type": "application/json", **signature(self._channel, message, body)}
        if self._channel.authorization is not None:
            headers["Authorization"] = self._channel.authorization.get_secret_value()
        answer = self._web.send("POST", self._channel.url, headers, body, deadline)
        if not isinstance(answer, Answer):
            return answer
        return Delivered() if 200 <= answer.status < 300 else self._web.judge(answer)


def signature(channel: WebhookChannel, message: Message, body: bytes) -> dict[str, str]:
    """The three headers: HMAC-SHA256 over id, Unix time and body, joined by dots."""
    signed = b".".join((message.key.encode(), str(message.sent_at).encode(), body))
    mac = hmac.digest(signing_key(channel.secret), signed, "sha256")
    return {
        "webhook-id": message.key,
        "webhook-timestamp": str(message.sent_at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
        "Idempotency-Key": message.key,
    }


def payload(message: Message) -> dict[str, Any]:
    """The body: always a list of items, one or many."""
    at = datetime.fromtimestamp(message.sent_at, UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": TYPE,
        "timestamp": at,
        "data": {"workspace": message.workspace, "title": message.title, "items": list(map(_item, message.items))},
    }


def _item(item: Item) -> dict[str, Any]:
    owner = None if item.owner is None else {"name": item.owner.name, "email": item.owner.email}
    return {
        "kind": item.kind,
        "change": item.change,
        "title": item.title,
        "subject": item.subject,
        "why": item.why,
        "critical": item.critical,
        "owner": owner,
        "next": item.command,
        **item.data,
    }
