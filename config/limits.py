"""Small value types of the policy: a share of something, or a plain number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_COUNT = re.compile(r"\d{1,9}")
PATTERN_PERCENT = r"^\d{1,3}(\.\d+)?\s*%$"


def parse_percent(value: object) -> float:
    """`"20%"` as the fraction 0.2; raises ValueError for anything else, including more than 100%."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (number := Decimal(match[1])) > 100:
        raise ValueError("must be a percentage from 0% to 100%, for instance 20%")
    return float(number / 100)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many records a guard lets through: a `share` (0…1) of the total, or a `count`."""

    share: float | None = None
    count: int | None = None

    @classmethod
    def parse(cls, value: object) -> Limit:
        """Read `50%`, `500` or a Limit; raises ValueError for anything else."""
        if isinstance(value, Limit):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(count=value)
        if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
            return cls(count=int(value))
        if isinstance(value, str) and value.strip().endswith("%"):
            return cls(share=parse_percent(value))
        raise ValueError("must be a percentage such as 50% or a whole number of records such as 500")

    def allowed(self, total: int) -> int:
        """The largest number of records that passes when there are `total`; a share is rounded up."""
        if self.count is not None:
            return self.count
        return math.ceil((self.share or 0.0) * total - 1e-9)

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{(self.share or 0.0) * 100:g}%"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        percent = {"type": "string", "pattern": PATTERN_PERCENT}
        return {"anyOf": [percent, {"type": "integer", "minimum": 0}], "examples": ["50%", 500]}


def percent_text(fraction: float) -> str:
    """0.2 as `20%`."""
    return f"{fraction * 100:g}%"
