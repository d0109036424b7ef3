"""The settings of one workspace, as every other part reads them.

The sources (file, environment, secret files) are merged by `config.load`, which remembers where each value came from;
pydantic-settings' own environment source would read the token `007` as the number 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.connections import connection_union
from config.dashboard import Dashboard
from config.freeze import Freeze
from config.layers import Tree
from config.limits import PATTERN_PERCENT, Limit, parse_percent, percent_text
from config.observing import Logging, Metrics
from config.rates import Currency, Rate
from config.yamlfile import Document
from mapping.values import time_zones
from notify.settings import Notifications

ENV_PREFIX = "KEEPWELL_"
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"

Percent = Annotated[
    float,
    Field(ge=0.0, le=1.0),
    BeforeValidator(lambda value: value if isinstance(value, float) else parse_percent(value)),
    PlainSerializer(percent_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN_PERCENT, "examples": ["20%"]}),
]
if TYPE_CHECKING:
    Connection = BaseModel
else:
    Connection = connection_union()
RateTable = Annotated[
    Annotated[tuple[Rate, ...], Tag("table")] | Annotated[str, Tag("file")],
    Discriminator(lambda value: "file" if isinstance(value, str) else "table"),
]
Entity = Literal["account", "deal", "contract", "ticket", "meeting", "call", "survey", "milestone"]
HumanEdits = Literal["hold", "reclaim"]
FirstWrite = Literal["ask", "allow"]
ConnectionName = Annotated[str, Field(pattern=NAME_PATTERN)]


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings came from; the tree holds secrets in plain text and is never printed."""

    document: Document
    tree: Tree = field(repr=False)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Guards(_Section):
    """What stops a plan before anything is written; a refused run ends with exit code 5."""

    max_changes: Limit = Field(
        default=Limit(share=0.5),
        json_schema_extra={"default": "50%"},
        description="Records that one plan may change: a share of the accounts, or a number.",
    )
    max_band_drops: Limit = Field(
        default=Limit(share=0.2),
        json_schema_extra={"default": "20%"},
        description="Accounts whose health band may get worse in one run: a share or a number.",
    )
    max_shrink: Percent = Field(
        default=0.2,
        json_schema_extra={"default": "20%"},
        description="How much smaller a full pull may be than the one before it.",
    )
    freeze: tuple[Freeze, ...] = Field(
        default=(),
        description="Times in which nothing is written to a CRM; reading and planning go on.",
    )


class Figures(_Section):
    """What no CRM has and some KPIs need; money is in the reporting currency, for the period of the KPI."""

    cs_spend: Decimal | None = Field(default=None, ge=0, description="Spend on customer success.")
    sales_spend: Decimal | None = Field(default=None, ge=0, description="Spend on winning new customers.")
    gross_margin: Percent | None = Field(default=None, description="Gross margin, for instance 80%.")
    advocates: int | None = Field(default=None, ge=0, description="Customers who take part in advocacy.")
    case_studies: int | None = Field(default=None, ge=0, description="Case studies published in the last quarter.")


class Policy(_Section):
    """How careful Keepwell is with people's values, with mass changes and with the API quota."""

    human_edits: HumanEdits = Field(
        default="hold",
        description="What happens to a property that a person changed since Keepwell wrote it: hold leaves it alone "
        "and reports it, reclaim writes Keepwell's value again.",
    )
    human_edits_by_field: dict[str, HumanEdits] = Field(
        default_factory=dict,
        description="The same for single fields: field (health_score, segment, ...) to hold or reclaim.",
    )
    first_write: FirstWrite = Field(
        default="ask",
        description="Before the first values get to a CRM that is not on this machine: ask somebody at a terminal, and "
        "refuse where nobody is there to agree, or allow it, for a schedule that begins by itself.",
    )
    guards: Guards = Field(default_factory=Guards, description="Limits on what one plan may do.")
    quota_reserve: Percent = Field(
        default=0.2,
        json_schema_extra={"default": "20%"},
        description="Share of each API quota that is left for other apps.",
    )
    backfill_reserve: Percent = Field(
        default=0.5,
        json_schema_extra={"default": "50%"},
        description="Share of each API quota that a backfill leaves for the schedule and for other apps.",
    )
    precedence: dict[Entity, tuple[ConnectionName, ...]] = Field(
        default_factory=dict,
        description="Which connection wins where several have the data: entity (account, deal, contract, ticket, "
        "meeting, call, survey) to connection names, first wins.",
    )

    def human_edits_of(self, field_name: str) -> HumanEdits:
        """What the policy says about one field."""
        return self.human_edits_by_field.get(field_name, self.human_edits)


class Settings(BaseSettings):
    """Everything that a run needs to know; see docs/configuration.md for each key."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", title="Keepwell configuration"
    )

    workspace: str = Field(
        default="default",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Name of this set of CRMs and framework; every stored row is keyed by it.",
    )
    framework: str = Field(
        default="cradle_to_grave", min_length=1, description="Name of a shipped framework, or path of a framework file."
    )
    timezone: str = Field(
        default="UTC", description="IANA time zone in which days are counted, for instance Europe/Copenhagen."
    )
    currency: Currency | None = Field(
        default=None,
        description="Reporting currency (ISO 4217) that amounts are converted into; without it they count as they are.",
    )
    rates: RateTable = Field(
        default=(),
        description="What other currencies are worth in the reporting currency: a list, or the path of a CSV file with "
        "the columns currency, on and rate.",
    )
    store: str = Field(
        default="sqlite:///keepwell.db",
        repr=False,
        json_schema_extra={"secret": True},
        description="Where Keepwell keeps its data: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    connections: dict[ConnectionName, Connection] = Field(
        min_length=1, description="The CRMs, each under a name of your choice; `type` says what it is."
    )
    fields: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict,
        description="Changes to the default field map: connection, stream, unified field, then the CRM's property.",
    )
    policy: Policy = Field(default_factory=Policy, description="Limits and habits of a run.")
    figures: Figures = Field(default_factory=Figures, description="What no CRM has and some KPIs need.")
    dashboard: Dashboard = Field(default_factory=Dashboard, description="Who may look at `keepwell serve`, and where.")
    logging: Logging = Field(default_factory=Logging, description="What is logged, and how.")
    metrics: Metrics = Field(default_factory=Metrics, description="Where metrics go at the end of a run.")
    notifications: Notifications = Field(
        default_factory=Notifications, description="Who hears of alerts, and of runs that went wrong."
    )

    _source: Source | None = PrivateAttr(None)

    @property
    def source(self) -> Source | None:
        """The file and the merged values behind these settings; None when they were made in code."""
        return self._source

    def with_source(self, source: Source) -> Settings:
        """Remember where the values came from, for later messages."""
        self._source = source
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in time_zones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Copenhagen or UTC")
        return value

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> Settings:
        used = {("fields", name) for name in self.fields}
        used |= {("policy.precedence", name) for names in self.policy.precedence.values() for name in names}
        for where, name in sorted(used):
            if name not in self.connections:
                known = ", ".join(sorted(self.connections))
                raise ValueError(f"{where} names the connection {name!r}, but the connections are: {known}")
        return self
