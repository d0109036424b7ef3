"""Settings of what watches a run: its log and its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.catalogue import Level

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Logging(BaseModel):
    """What is logged to stderr, and how; variables and options of the command line win over it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: LogFormat = Field(default="text", description="One line an event: text for people, json for a collector.")
    level: Level | None = Field(
        default=None, description="The least level that is logged; without it, warning for text and info for json."
    )


class Metrics(BaseModel):
    """Where the metrics go at the end of a run; nothing of it can fail a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    textfile: Path | None = Field(
        default=None, description="File for the textfile collector of node_exporter; its name ends in .prom."
    )
    push_gateway: str | None = Field(
        default=None, description="Address of a Prometheus push gateway, for instance http://pushgateway:9091."
    )
    push_job: str = Field(default="keepwell", min_length=1, description="Name of the job at the push gateway.")
    push_seconds: float = Field(
        default=3.0, gt=0, le=60, description="Seconds that the end of a command waits for the push gateway at most."
    )
    scrape_token: SecretStr | None = Field(
        default=None,
        description="What a scraper of /metrics of the dashboard has to show (Authorization: Bearer).",
    )
    push_username: str | None = Field(default=None, description="User at the push gateway, where it asks for one.")
    push_password: SecretStr | None = Field(default=None, description="Password of that user.")

    @field_validator("textfile")
    @classmethod
    def _is_collected(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix != ".prom":
            raise ValueError("must end in .prom, or node_exporter does not read it")
        return value

    @field_validator("push_gateway")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as http://pushgateway:9091")
        if parts.username or parts.password:
            raise ValueError("must not hold a user; give push_username and push_password")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> Metrics:
        if (self.push_username is None) != (self.push_password is None):
            raise ValueError("push_username and push_password go together")
        if self.push_password is not None and self.push_gateway is not None:
            parts = urlsplit(self.push_gateway)
            if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
                raise ValueError("a password is sent over https only")
        return self
