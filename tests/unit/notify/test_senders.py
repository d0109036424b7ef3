"""Each sender against a stand-in of its receiver: what arrives, and what each way to fail means."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from pydantic import TypeAdapter

from connectors.clock import SystemClock
from connectors.http import Deadline
from mapping.notification_life import Delivered, Later, Lost, Outcome, Refused
from notify.news import Item, Message, Owner
from notify.registry import sender
from notify.settings import Channel
from tests.receivers import CHANNEL, DROP, HANG, SECRET, TOKEN, Receivers, Reply, receivers

CLOCK = SystemClock()
EVIL = "<!channel> @channel & <@U0BAD> *bold* `x`\r\nBcc: spy@example.com {{DATE(2026-01-01)}} [a](http://b) \u202etxt"


@pytest.fixture
def there() -> Iterator[Receivers]:
    with receivers() as found:
        yield found


def item(**more: Any) -> Item:
    facts = {"kind": "alert", "change": "opened", "what": "Opened", "title": "Health fell", "subject": "Acme"}
    return Item(**{**facts, "why": "from green to red", "command": "keepwell alerts ack 1 --by NAME", **more})


def message(*items: Item, key: str = "k1") -> Message:
    return Message(key, "default", items or (item(),), int(CLOCK.now().timestamp()), max(1, len(items)))


def send(data: dict[str, Any], told: Message | None = None, seconds: float = 5.0) -> Outcome:
    channel = TypeAdapter(Channel).validate_python(data)
    return sender(channel, CLOCK).send(told or message(), Deadline(CLOCK, seconds))


def slack(there: Receivers, **more: Any) -> dict[str, Any]:
    return {"type": "slack", "webhook_url": there.slack_hook, **more}


def bot(there: Receivers, **more: Any) -> dict[str, Any]:
    return {"type": "slack", "token": TOKEN, "channel": CHANNEL, "api_url": there.url("/api"), **more}


def teams(there: Receivers, **more: Any) -> dict[str, Any]:
    return {"type": "teams", "webhook_url": there.teams_hook, **more}


def webhook(there: Receivers, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": there.url("/hook"), "secret": SECRET, **more}


EVERY = pytest.mark.parametrize("kind", [slack, bot, teams, webhook])


@EVERY
def test_a_message_arrives(there: Receivers, kind: Any) -> None:
    assert send(kind(there)) == Delivered()
    (taken,) = there.taken["slack" if kind is bot else kind.__name__]
    for word in ("Health fell", "Acme", "from green to red", "keepwell alerts ack 1 --by NAME"):
        assert word in json.dumps(taken), word


@EVERY
def test_two_hundred_changes_go_out_as_one_message_that_is_taken(there: Receivers, kind: Any) -> None:
    many = [item(title="&" * 300, why=EVIL * 9, subject=EVIL * 3, owner=Owner("Anna " * 50)) for _ in range(200)]
    assert send(kind(there), message(*many)) == Delivered()
    assert len(there.taken["slack" if kind is bot else kind.__name__]) == 1


@EVERY
@pytest.mark.parametrize(
    ("status", "means"), [(500, Later), (503, Later), (429, Later), (404, Later), (410, Later), (302, Later)]
)
def test_what_may_work_later_is_tried_later(there: Receivers, kind: Any, status: int, means: type[Outcome]) -> None:
    there.faults = [Reply(status, headers={"Location": there.url("/elsewhere"), "Retry-After": "33"})]
    outcome = send(kind(there))
    assert isinstance(outcome, means)
    assert getattr(outcome, "wait", None) == (33.0 if status in (429, 500, 503) else None)
    assert len(there.requests) == 1, "no redirect is followed, nothing is sent twice"


@EVERY
def test_a_receiver_that_hangs_costs_no_more_than_there_is_time(there: Receivers, kind: Any) -> None:
    there.faults = [HANG]
    before = CLOCK.monotonic()
    assert isinstance(send(kind(there), seconds=0.3), Lost)
    assert CLOCK.monotonic() - before < 3


@EVERY
def test_an_answer_that_got_lost_is_told_apart_from_a_refusal(there: Receivers, kind: Any) -> None:
    there.faults = [DROP]
    assert isinstance(send(kind(there)), Lost)


@EVERY
def test_nobody_listens(there: Receivers, kind: Any) -> None:
    with closing(create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    there.port = port
    assert send(kind(there)) == Later("the server refuses connections")


def test_over_tls_only_who_is_vouched_for_gets_a_message(certificate: Path) -> None:
    with receivers(certificate) as secure:
        stranger = send(webhook(secure))
        assert isinstance(stranger, Later)
        assert "TLS" in stranger.reason
        assert secure.requests == []
        assert send(webhook(secure, ca_file=certificate)) == Delivered()
        missing = send(webhook(secure, ca_file="/nowhere/ca.pem"))
        assert missing == Later("the certificates cannot be read: No such file or directory")


def test_an_endless_answer_is_not_read(there: Receivers) -> None:
    there.faults = [Reply(200, b"x" * 300_000)]
    assert send(webhook(there)) == Delivered()
    there.faults = [Reply(500, b"x" * 300_000)]
    assert send(webhook(there)) == Later("answered 500")


@pytest.mark.parametrize("word", ["invalid_payload", "no_text"])
def test_slack_that_finds_the_message_wrong_will_never_take_it(there: Receivers, word: str) -> None:
    there.faults = [Reply(400, word.encode())]
    assert send(slack(there)) == Refused(f"answered 400: {word}")


@pytest.mark.parametrize(("status", "word"), [(400, "channel_is_archived"), (403, "action_prohibited")])
def test_a_slack_channel_that_a_person_can_mend_is_tried_again(there: Receivers, status: int, word: str) -> None:
    there.faults = [Reply(status, word.encode())]
    assert isinstance(send(slack(there)), Later)


def test_slack_refuses_with_200(there: Receivers) -> None:
    assert send(bot(there, channel="C0ELSEWHERE")) == Later("refused it: channel_not_found")
    assert send(bot(there, token="xoxb-another-token")) == Later("refused it: invalid_auth")
    there.faults = [Reply(200, b'{"ok": false, "error": "msg_blocks_too_long"}')]
    assert send(bot(there)) == Refused("refused it: msg_blocks_too_long")
    there.faults = [Reply(200, b"<html>a proxy</html>")]
    assert isinstance(send(bot(there)), Lost)


def test_an_owner_is_mentioned_as_configured_or_as_slack_knows_the_address(there: Receivers) -> None:
    anna = Owner("Anna (csm)", "anna@example.com", ("anna@example.com", "hubspot:7"))
    there.users = {"anna@example.com": "U0ANNA"}
    send(bot(there), message(item(owner=anna), item(owner=anna)))
    assert json.dumps(there.taken["slack"][0]).count("<@U0ANNA>") == 2
    assert sum(one.path == "/api/users.lookupByEmail" for one in there.requests) == 1
    send(bot(there, mentions={"HubSpot:7": "U0OTHER"}), message(item(owner=anna)))
    assert "<@U0OTHER>" in json.dumps(there.taken["slack"][1])
    there.users = {}
    assert send(bot(there), message(item(owner=anna))) == Delivered()
    assert "Anna (csm)" in json.dumps(there.taken["slack"][2])
    send(slack(there), message(item(owner=anna)))
    assert "<@" not in json.dumps(there.taken["slack"][3]), "a webhook has no token to ask with"


def test_text_of_a_crm_does_nothing_in_slack(there: Receivers) -> None:
    send(slack(there), message(item(title=EVIL, subject=EVIL, why=EVIL, owner=Owner(EVIL))))
    shown = json.dumps(there.taken["slack"][0], ensure_ascii=False)
    for bad in ("<!", "<@", "@channel", "\u202e", "\\r"):
        assert bad not in shown
    assert "&lt;!" in shown


def test_text_of_a_crm_has_no_looks_of_its_own_in_slack(there: Receivers) -> None:
    evil = "*bold* _sloped_ ~struck~ `code` https://evil.example"
    send(slack(there), message(item(title="Health fell", subject=evil, why=f"{evil} health_score")))
    head, section, foot = there.taken["slack"][0]["blocks"]
    assert head["text"]["type"] == "plain_text"
    first, why, command = section["text"]["text"].split("\n")
    assert first.startswith("*Opened: Health fell* · ")
    for shown in (first.removeprefix("*Opened: Health fell*"), why.replace("health_score", "")):
        assert not set("*_~`") & set(shown), shown
    assert "health_score" in why, "names of ours stay what they are"
    assert command == "`keepwell alerts ack 1 --by NAME`"
    assert section["text"]["verbatim"] is foot["elements"][0]["verbatim"] is True


def test_no_name_of_an_account_makes_a_message_that_slack_refuses(there: Receivers) -> None:
    assert send(slack(there), message(item(subject="@here " * 50, title="@everyone" * 30))) == Delivered()


def test_text_of_a_crm_stands_where_teams_knows_no_markdown(there: Receivers) -> None:
    send(teams(there), message(item(title=EVIL, subject=EVIL, why=EVIL, owner=Owner(EVIL))))
    (taken,) = there.taken["teams"]
    card = taken["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert "{{" not in json.dumps(card)


def test_an_owner_is_mentioned_in_teams_as_configured_and_nobody_else(there: Receivers) -> None:
    anna = Owner("Anna (csm)", "anna@example.com", ("anna@example.com", "hubspot:7"))
    other = Owner("Anna_csm", "anna2@example.com", ("anna2@example.com",))
    evil = Owner(f"</at>[x](https://evil.example) **{EVIL}", "evil@example.com", ("evil@example.com",))
    unknown = Owner("Ben", "ben@example.com", ("ben@example.com",))
    people = {
        "HubSpot:7": "anna@corp.example.com",
        "anna2@example.com": "a2@example.com",
        "evil@example.com": "e@example.com",
    }
    told = message(*(item(owner=owner) for owner in (anna, anna, other, evil, unknown)))
    assert send(teams(there, mentions=people), told) == Delivered()
    card = there.taken["teams"][-1]["attachments"][0]["content"]
    entities = card["msteams"]["entities"]
    tags = [block["text"] for block in card["body"] if block["type"] == "TextBlock"]
    assert tags[:3] == ["<at>Anna csm</at>", "<at>Anna csm</at>", "<at>Anna csm 1</at>"], "two people are two texts"
    assert [one["mentioned"]["id"] for one in entities] == ["anna@corp.example.com", "a2@example.com", "e@example.com"]
    assert {one["text"] for one in entities} == set(tags), "every tag means somebody, and everybody has one"
    assert not set("[]()*_<>/:") & set(entities[2]["mentioned"]["name"])
    assert send(teams(there), message(item(owner=anna))) == Delivered()
    assert "<at>" not in json.dumps(there.taken["teams"][-1])


def test_teams_that_failed_with_200_has_not_got_it(there: Receivers) -> None:
    there.faults = [Reply(200, b"Webhook message delivery failed with error: HTTP error 429")]
    assert isinstance(send(teams(there)), Later)


def test_a_webhook_knows_a_repeated_message_by_its_id(there: Receivers) -> None:
    for _ in range(2):
        assert send(webhook(there), message(key="same")) == Delivered()
    assert len(there.requests) == 2
    assert len(there.taken["webhook"]) == 1
    assert there.requests[0].headers["idempotency-key"] == there.requests[0].headers["webhook-id"] == "same"


def test_a_webhook_with_another_secret_is_refused_until_somebody_mends_it(there: Receivers) -> None:
    assert isinstance(send(webhook(there, secret="another secret of a hook")), Later)


def test_a_webhook_can_have_its_own_authorization(there: Receivers) -> None:
    send(webhook(there, authorization="Basic YTpi"))
    assert there.requests[0].headers["authorization"] == "Basic YTpi"


@EVERY
def test_no_outcome_and_no_log_names_a_secret(
    there: Receivers, kind: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    there.faults = [Reply(500), DROP, Reply(400, b"no")]
    told = repr([send(kind(there)) for _ in range(3)]) + caplog.text + "".join(capfd.readouterr())
    for secret in ("a-secret", TOKEN, SECRET):
        assert secret not in told
