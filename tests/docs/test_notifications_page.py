"""The page about notifications: its example is a configuration, its recipe verifies what Keepwell signs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.frameworks import load_framework_file
from config.load import load_settings
from config.notifications import check_notifications
from mapping.alert_life import Life
from notify.news import Item, Message, Owner
from notify.settings import CHANGES, CHANNELS, RUN_PROBLEMS, WebhookChannel
from notify.webhook import payload, signature
from store.alerts import Alert
from sync.delivery import BUDGET, ONE_BY_ONE
from sync.news import alert_data
from tests.docs.test_documented import CONFIGURATION

PAGE = (Path(__file__).resolve().parents[2] / "docs/notifications.md").read_text()
SECRET = "a secret of 16 characters"


def _block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    path.write_text("connections: {hubspot: {type: hubspot, access_token: some-token}}\n" + _block("yaml"))
    url = "https://receiver.example.com/hook"
    env = {"SLACK_WEBHOOK_URL": url, "ON_CALL_URL": url, "ON_CALL_SECRET": SECRET, "SMTP_PASSWORD": "p" * 9}
    settings = load_settings(path, env)
    check_notifications(settings, load_framework_file(settings.framework))
    assert sorted(settings.notifications.channels) == ["cs_team", "executives", "on_call"]


@pytest.fixture
def genuine() -> Callable[[bytes, dict[str, str], bytes], bool]:
    """The recipe of the page."""
    names: dict[str, Any] = {}
    exec(_block("python"), names)  # noqa: S102 - the page's own code is what is tested
    found: Callable[[bytes, dict[str, str], bytes], bool] = names["genuine"]
    return found


def test_the_recipe_verifies_what_is_sent(genuine: Callable[[bytes, dict[str, str], bytes], bool]) -> None:
    channel = WebhookChannel.model_validate({"type": "webhook", "url": "https://x.example.com", "secret": SECRET})
    message = Message("k", "default", [Item("test", "test", "Test", "a test")], int(time.time()), 1)
    body = json.dumps(payload(message)).encode()
    headers = signature(channel, message, body)
    assert genuine(SECRET.encode(), headers, body)
    assert not genuine(b"another secret of it", headers, body)
    assert not genuine(SECRET.encode(), headers, body + b" ")
    assert not genuine(SECRET.encode(), headers | {"webhook-id": "other"}, body)
    old = Message("k", "default", message.items, int(time.time()) - 301, 1)
    assert not genuine(SECRET.encode(), signature(channel, old, body), body)


def test_the_shown_body_has_the_keys_of_a_real_one() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    alert = Alert(
        1, "a1", "red", "Red", "", "csm", None, None, "r", "r", None, None, None, None, life=Life(now, now)
    )  # fmt: skip
    item = Item("alert", "opened", "Opened", "t", owner=Owner("Anna"), data=alert_data(alert))
    real, shown = payload(Message("k", "default", [item], 0, 1)), json.loads(_block("json"))
    for found in (lambda body: body, lambda body: body["data"], lambda body: body["data"]["items"][0]):
        assert found(shown).keys() == found(real).keys()


def test_every_word_of_the_configuration_is_explained() -> None:
    for word in (*CHANNELS, *CHANGES, *RUN_PROBLEMS, "recovered"):
        assert f"`{word}`" in PAGE + CONFIGURATION, word


def test_the_figures_are_those_of_the_program() -> None:
    words = {20.0: "twenty seconds", 5: "more than five"}
    assert words[BUDGET] in PAGE
    assert words[ONE_BY_ONE] in PAGE
