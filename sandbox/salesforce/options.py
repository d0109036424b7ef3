"""The knobs of the Salesforce sandbox: identities, quotas, pace, and the ways in which it may misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

INTEGRATION_USERNAME = "integration@sandbox.example"


def wall_clock() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An app registered with the org; without a public key it cannot use the JWT flow.

    `run_as` is the user of the client credentials flow; `approved` lists the usernames that the JWT flow may
    impersonate.
    """

    consumer_key: str = "sandbox-consumer-key"
    consumer_secret: str = "sandbox-consumer-secret"
    public_key_pem: str | None = None
    run_as: str | None = INTEGRATION_USERNAME
    approved: tuple[str, ...] = (INTEGRATION_USERNAME,)


@dataclass(frozen=True, slots=True)
class Login:
    """A username with the password and security token that open the legacy flows."""

    username: str = INTEGRATION_USERNAME
    password: str = "sandbox-password"
    security_token: str = "SANDBOXTOKEN"


@dataclass(frozen=True, slots=True)
class SalesforceOptions:
    """How the sandbox org behaves; every default is the vendor's documented behaviour.

    `session_ids` are access tokens that are valid from the start and do not expire, for clients that are given a
    raw session. `bulk_polls` is how many polls a bulk job spends in each unfinished state; a closed
    ingest job is carried out after `bulk_unattended` even if nobody polls. `bulk_page` is how many rows a page of bulk
    results has when nobody says how many; with `bulk_seconds` a query job is done when that time has passed, however
    often it is asked. `count_skew` is the share by which record counts are off (0.1 = a tenth too many), None answers
    with an empty list. `lock_rate` is the share
    of row writes that fail with UNABLE_TO_LOCK_ROW. `late_commit` delays the visibility of people's edits while they
    keep their stamp. `latency` is in seconds per request. `without_objects` names objects that this org is not licensed
    for.
    """

    clock: Callable[[], datetime] = wall_clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    apps: tuple[ConnectedApp, ...] = field(default_factory=lambda: (ConnectedApp(),))
    logins: tuple[Login, ...] = field(default_factory=lambda: (Login(),))
    session_ids: tuple[str, ...] = ()
    instance_url: str | None = None
    token_ttl: timedelta = timedelta(hours=2)
    multi_currency: bool = True
    override_fields: bool = False
    daily_limit: int = 100_000
    used_today: int = 0
    show_bursts: bool = False
    batch_size: int = 2000
    locator_ttl: timedelta = timedelta(days=2)
    bulk_polls: int = 1
    bulk_page: int = 50_000
    bulk_seconds: float | None = None
    count_skew: float | None = 0.0
    bulk_unattended: timedelta = timedelta(seconds=5)
    bulk_failure_without_message: bool = False
    bulk_empty_body: bool = False
    lock_rate: float = 0.0
    late_commit: timedelta = timedelta(0)
    latency: float = 0.0
    without_objects: tuple[str, ...] = ()
    seed: int = 0
