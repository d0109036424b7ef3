"""Commands about what people are told: what waits or was given up, sending it, trying a channel.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from functools import partial
from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group, say
from verbs.base import app, read_settings, run_deps, verb

notify_app = group("What people are told: Slack, Teams, e-mail, webhooks.", app, "notify")


@verb(notify_app, "list", example="keepwell notify list --state given_up")
def notify_list(config: Path, state: opt.NoticeStates = "open", limit: opt.Rows = 50) -> Answer:
    """List what waits to be sent, and what was given up.

    Works from the store alone.
    """
    from dashboard.notifications import notices_page, show_notices
    from dashboard.pages import reading

    with reading(read_settings(config)) as store:
        data = notices_page(store, state, limit)
    return Answer(data, lambda out: show_notices(out, data))


@verb(notify_app, "send", example="keepwell notify send --max-age 26h")
def notify_send(config: Path, max_age: opt.ToldAge = None, now: opt.AtOnce = False) -> Answer:
    """Send what is due, between runs too.

    A run does this at its end; this is for digests, for the end of quiet hours, and to hear of runs that never come.
    """
    from dashboard.notifications import show_told, told_data
    from sync.delivery import deliver
    from sync.telling import tell

    with run_deps(config) as deps:
        told = tell(deps, max_age=max_age, send=partial(deliver, at_once=now))
    data = told_data(told.counts, told.problems)
    return Answer(data, lambda out: show_told(out, data), 1 if told.problems else 0)


@verb(notify_app, "retry", example="keepwell notify retry 12")
def notify_retry(config: Path, number: opt.NoticeNumber = None) -> Answer:
    """Let what was given up be tried again.

    The next run sends it, or `keepwell notify send` at once.
    """
    from sync.telling import retry

    with run_deps(config, create=False) as deps:
        chosen = retry(deps, number)
    text = f"{len(chosen)} to be tried again: by the next run, or `keepwell notify send`." if chosen else ""
    return say({"retried": [one.id for one in chosen]}, text or "Nothing was given up.")


@verb(notify_app, "test", example="keepwell notify test cs_team")
def notify_test(channel: opt.NotifyChannel, config: Path) -> Answer:
    """Send a test message to a channel, at once."""
    from sync.telling import try_channel

    with run_deps(config) as deps:
        problem = try_channel(deps, channel)
    data = {"channel": channel, "sent": problem is None, "problem": problem}
    return say(data, f"{channel}: sent." if problem is None else f"{channel}: not sent: {problem}.", int(bool(problem)))
