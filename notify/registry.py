"""Which sender a channel has."""

from __future__ import annotations

from connectors.clock import Clock
from notify.http import Web
from notify.mail import Mail
from notify.news import Sender
from notify.settings import Channel, EmailChannel, SlackChannel, TeamsChannel
from notify.slack import Slack
from notify.teams import Teams
from notify.webhook import Webhook


def sender(channel: Channel, clock: Clock) -> Sender:
    """What sends to a channel of the configuration."""
    if isinstance(channel, EmailChannel):
        return Mail(channel)
    web = Web(clock, proxy=channel.proxy, ca_file=channel.ca_file)
    if isinstance(channel, SlackChannel):
        return Slack(channel, web)
    return Teams(channel, web) if isinstance(channel, TeamsChannel) else Webhook(channel, web)
