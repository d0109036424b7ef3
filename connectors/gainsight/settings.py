"""What the configuration says about one Gainsight connection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, SecretStr, StrictBool, StrictFloat, StrictInt, Tag, model_validator

from connectors.errors import ConfigError
from connectors.origin import check_origin, is_local
from connectors.strict import Strict, TimeoutSettings, WebUrl
from connectors.tasks import TaskSettings
from mapping.records import MEASURE

VENDOR_HOSTS = ("gainsightcloud.com",)
_GSID = re.compile(r"[A-Za-z0-9]{10,60}")
ObjectName = Annotated[str, Field(pattern=r"^[A-Za-z]\w{0,99}$")]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z]\w{0,99}__gc$")]
Measures = Annotated[
    Annotated[StrictBool, Tag("all")] | Annotated[dict[str, FieldName], Tag("named")],
    Discriminator(lambda given: "named" if isinstance(given, dict) else "all"),
]
Chosen = StrictBool | StrictInt | StrictFloat | str
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class OAuthSettings(Strict):
    """A machine-to-machine key pair; the secret is given directly or as a file."""

    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> OAuthSettings:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give either client_secret or client_secret_file")
        return self


class LimitSettings(Strict):
    """The tenant's quotas, which all its integrations share; Gainsight tells them in no answer."""

    per_minute: int = Field(default=100, ge=1, description="requests of the whole tenant in a minute")
    daily: int = Field(default=50_000, ge=1, description="requests of the whole tenant in a day")
    timeline_per_minute: int = Field(default=200, ge=1, description="entries on timelines in a minute")
    reserve: Fraction = Field(default=0.2, description="part of the day that is left to other integrations")
    minute_reserve: Fraction = Field(default=0.2, description="part of each minute that is left to them")


class PullSettings(Strict):
    """How records are read."""

    page: int = Field(default=5000, ge=1, le=5000, description="records asked for in a call")
    overlap_hours: float = Field(
        default=24.0,
        ge=0,
        le=720,
        description="how far an increment looks back: in which time zone Gainsight reads a filter is not documented",
    )
    full_every_hours: float = Field(
        default=168.0,
        ge=0,
        le=876_000,
        description="how long increments may stand in for a full read, which alone shows what was deleted more than "
        "15 days ago and what changed without a new stamp; 0: for ever",
    )


class ObjectSettings(Strict):
    """Objects of this tenant that hold what Gainsight has no standard object for; their fields are yours to map."""

    contracts: ObjectName | None = Field(default=None, description="for instance relationship")
    deals: ObjectName | None = Field(default=None, description="for instance gs_opportunity")
    tickets: ObjectName | None = None
    surveys: ObjectName | None = None


class AttendeeSettings(Strict):
    """The object that tells which persons took part in meetings; Gainsight describes neither it nor its fields.

    `meeting` holds what `meeting_key` of the timeline holds, `person` the GSID of a person of the customer's.
    """

    object: ObjectName = "activity_attendee"
    meeting: ObjectName
    person: ObjectName
    meeting_key: ObjectName = "Gsid"


class EntrySettings(Strict):
    """What Keepwell's own entries on the timeline of a company whose health band fell say of themselves."""

    author: str = Field(
        pattern=r"^[^@\s]+@[^@\s]+$", description="e-mail address of the Gainsight user who is named as their author"
    )
    type: str = Field(default="Update", min_length=1, description="type of these activities")


class TimelineSettings(Strict):
    """Which types of activities are meetings and calls; admins make types of their own."""

    meetings: tuple[str, ...] = Field(default=("Meeting", "In-Person Meeting"), min_length=1)
    calls: tuple[str, ...] = Field(default=("Call",), min_length=1)
    attendees: AttendeeSettings | None = Field(default=None, description="where the persons of meetings are")
    entries: EntrySettings | None = Field(
        default=None, description="write an entry on the timeline of a company whose health band fell; none: off"
    )

    @model_validator(mode="after")
    def _apart(self) -> TimelineSettings:
        if both := sorted({*self.meetings} & {*self.calls}):
            raise ValueError(f"{', '.join(both)} cannot be both a meeting and a call")
        touches = {one.casefold() for one in (*self.meetings, *self.calls)}
        if self.entries is not None and self.entries.type.casefold() in touches:
            raise ValueError(f"entries.type: a {self.entries.type} would be read as the customer's meeting or call")
        return self


class UsageSettings(Strict):
    """An object whose rows hold usage of companies; `usage.FIELD` in the field map is a field of the latest one.

    `company` is its lookup to Company, `as_of` the day of its figures; rows of more than `days` ago are not read.
    """

    object: ObjectName
    company: ObjectName
    as_of: ObjectName
    days: int = Field(default=92, ge=1, le=3660)


class TargetSettings(Strict):
    """A custom object that holds Keepwell's fields instead of Company: one row a company, which `company` leads to."""

    object: Annotated[str, Field(pattern=r"^[A-Za-z]\w{0,99}__gc$")]
    company: ObjectName


class MilestoneSettings(Strict):
    """Where milestones are records: `object` is `call_to_action`, `cta_group` (success plans) or a custom object.

    `where` chooses those of its records that are milestones: field → value, or a list of values any of which will do.
    """

    object: ObjectName
    where: dict[str, Chosen | Annotated[tuple[Chosen, ...], Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict, max_length=1
    )


class StatusWords(Strict):
    """The statuses of a call to action by what becomes of its alert: items of the tenant's picklist."""

    open: str = Field(default="New", min_length=1)
    in_progress: str = Field(default="Work In Progress", min_length=1)
    done: str = Field(default="Closed Success", min_length=1)


class PriorityWords(Strict):
    """The priorities of a call to action, `high` once nobody answered in time: items of the tenant's picklist."""

    normal: str = Field(default="Medium", min_length=1)
    high: str = Field(default="High", min_length=1)


class CallSettings(TaskSettings):
    """Which alerts become calls to action, and what those say of themselves."""

    type: str = Field(default="Risk", min_length=1, description="type of these calls to action")
    reason: str | None = Field(default=None, min_length=1, description="their reason, which Gainsight wants")
    status: StatusWords = StatusWords()
    priority: PriorityWords = PriorityWords()
    fallback_owner: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="e-mail address of the user whose they are where a company has no CSM",
    )

    @model_validator(mode="after")
    def _whole(self) -> CallSettings:
        if self.wanted and self.reason is None:
            raise ValueError("reason: name the reason of these calls to action, for instance Usage Drop")
        if self.owner == "none":
            raise ValueError("owner: a call to action is always somebody's; leave it out")
        if len({*self.status.model_dump().values()}) < 3 or self.priority.normal == self.priority.high:
            raise ValueError("status and priority: two of them must not be the same item")
        return self


class GainsightSettings(Strict):
    """A connection of type `gainsight`: exactly one of access_key, access_key_file and oauth."""

    type: Literal["gainsight"] = "gainsight"
    base_url: str = Field(description="the tenant's own address, for instance https://acme.gainsightcloud.com")
    web_url: WebUrl | None = Field(default=None, description="where people open the tenant; else base_url")
    access_key: SecretStr | None = Field(default=None, description="REST API access key of the tenant")
    access_key_file: Path | None = Field(default=None, description="file with the key; read again after a 401")
    oauth: OAuthSettings | None = None
    allow_hosts: tuple[str, ...] = Field(default=(), description="further hosts that a key may be sent to")
    integration_user: str | None = Field(
        default=None, description="GSID of the user whom Gainsight names for what is written with these credentials"
    )
    limits: LimitSettings = LimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    pull: PullSettings = PullSettings()
    objects: ObjectSettings = ObjectSettings()
    timeline: TimelineSettings = TimelineSettings()
    tasks: CallSettings = CallSettings()
    milestones: MilestoneSettings | None = Field(default=None, description="the object whose records are milestones")
    usage: UsageSettings | None = Field(default=None, description="the object whose rows hold usage of companies")
    target: TargetSettings | None = Field(
        default=None, description="the custom object that holds Keepwell's fields, instead of Company"
    )
    measures: Measures = Field(
        default=False,
        description="write the points of each component of the score into a number field of its own, for rules that "
        "set the measures of a scorecard: true, or component -> name of the field",
    )
    property_prefix: str = Field(default="CS_", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,14}$")
    ca_file: Path | None = Field(default=None, description="certificate authorities, instead of the system's")
    proxy: str | None = None

    @model_validator(mode="after")
    def _one_credential(self) -> GainsightSettings:
        given = [name for name in ("access_key", "access_key_file", "oauth") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of access_key, access_key_file and oauth; found {found}")
        return self

    @model_validator(mode="after")
    def _calls_are_no_milestones(self) -> GainsightSettings:
        milestones = self.milestones
        if not self.tasks.wanted or milestones is None or milestones.object.casefold() != "call_to_action":
            return self
        chosen = milestones.where.get("TypeId__gr.Name")
        named = {str(one) for one in (chosen if isinstance(chosen, tuple) else (chosen,))}
        if not milestones.where or self.tasks.type in named:
            raise ValueError(
                "milestones.where: calls to action that alerts become would be read as milestones; choose others"
            )
        return self

    @model_validator(mode="after")
    def _own_fields(self) -> GainsightSettings:
        names = list(self.measures.values()) if isinstance(self.measures, dict) else []
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"measures: {', '.join(twice)} cannot hold two components")
        return self

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine (a sandbox)."""
        return is_local(self.base_url)

    @property
    def measure_fields(self) -> dict[str, str]:
        """Fields that were named for measures, by the property's neutral name."""
        named = self.measures if isinstance(self.measures, dict) else {}
        return {MEASURE + component: field for component, field in named.items()}

    @model_validator(mode="after")
    def _address(self) -> GainsightSettings:
        try:
            check_origin(self.base_url, vendor_hosts=VENDOR_HOSTS, allow_hosts=self.allow_hosts)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    def record_page(self, _identity: str, object_name: str, record_id: str) -> str | None:
        """Where a person opens a company's C360; None for other objects and where the tenant is this machine.

        Gainsight documents no such address; it is what its own pages lead to.
        """
        home = urlsplit(self.base_url)
        if object_name != "Company" or not _GSID.fullmatch(record_id) or self.is_local:
            return None
        return f"{self.web_url or f'https://{home.netloc}'}/v1/ui/customersuccess360?cid={record_id}"
