"""The knobs of the Gainsight sandbox: credentials, limits, and the choices that the vendor's documents leave open."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

ACCESS_KEY = "sandbox-gainsight-access-key"
INTEGRATION_EMAIL = "integration@vendor.example"

_CHOICES: dict[str, tuple[str | int, ...]] = {
    "empty": ("records", "result_false", "error"), "many_matches": ("all", "error"),
    "unauthorized_status": (401, 400), "invalid_select_status": (400, 200),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OAuthPair:
    """A client of the machine-to-machine login; a tenant has at most fifteen."""

    client_id: str = "sandbox-gainsight-client"
    client_secret: str = "sandbox-gainsight-secret"


@dataclass(frozen=True, slots=True)
class GainsightOptions:
    """How the tenant behaves; where the documents leave a choice, the default is the harder one for a client.

    `allowed_ips` lists the addresses that the access key works from, None all of them; OAuth has no such list.
    `unauthorized_status` is 401 or 400. `bare_list` answers queries with a list instead of `data.records`. `empty` is
    how a query that matches nothing is answered: `records`, `result_false` (HTTP 200) or `error` (HTTP 400).
    `invalid_select_status` is 400, or 200 with `result: false`. `zone` is where filter values without an offset are
    read. `omit_nulls` leaves empty fields out of the rows of queries. `error_details` lists the refused values of a
    write, without saying which record they belong to. `many_matches` is what an update does whose keys fit several
    rows: `all` changes each, `error` none. `unique_names` refuses a second company of the same name. `timeline_batch`
    is how many activities one save takes. `cockpit_fields` keeps fields of the tenant's own in calls to action
    and success plans, which are else left out without a word. `bulk_polls` is how many polls a job spends in each
    unfinished state. Limits are calls in a fixed window.
    """

    clock: Callable[[], float] = time.time
    access_key: str = ACCESS_KEY
    oauth: OAuthPair = field(default_factory=OAuthPair)
    token_seconds: float = 86_400.0
    allowed_ips: tuple[str, ...] | None = None
    unauthorized_status: int = 401
    bare_list: bool = False
    empty: str = "records"
    invalid_select_status: int = 400
    zone: str = "America/Los_Angeles"
    omit_nulls: bool = False
    error_details: bool = True
    many_matches: str = "all"
    unique_names: bool = True
    timeline_batch: int = 1
    cockpit_fields: bool = True
    bulk_polls: int = 1
    per_minute: int = 100
    per_day: int = 50_000
    bulk_per_hour: int = 10
    bulk_per_day: int = 100
    users_per_hour: int = 100
    users_per_day: int = 1_000
    timeline_per_minute: int = 200
    plans_per_minute: int = 5_000
    latency: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError or LookupError for a choice that there is not."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(map(str, choices))}")
        ZoneInfo(self.zone)


SWITCHES: dict[str, type | tuple[type, ...]] = {
    "bare_list": bool, "empty": str, "invalid_select_status": int, "unauthorized_status": int, "zone": str,
    "omit_nulls": bool, "error_details": bool, "many_matches": str, "unique_names": bool, "timeline_batch": int,
    "cockpit_fields": bool, "bulk_polls": int, "per_minute": int, "per_day": int, "bulk_per_hour": int,
    "latency": (int, float),
}  # fmt: skip
"""Options that may change while a tenant is open, and their types."""
