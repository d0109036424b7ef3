"""How values look on a page: numbers, money, days, moments, and text from a CRM that can only be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from dashboard.text import inert

DASH = "–"


def finalize(value: Any) -> Any:
    """What the template engine does to each value before it is escaped: a dash for nothing, text made inert."""
    if isinstance(value, Markup):
        return value
    return DASH if value is None else inert(value)


def number(value: float | Decimal | None, decimals: int = 1) -> str:
    """`1,234.5`; whole numbers without decimals."""
    if value is None:
        return DASH
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def percent(value: float | None, decimals: int = 0) -> str:
    """0.256 as `26%`."""
    return DASH if value is None else f"{100 * value:.{decimals}f}%"


def money(value: float | Decimal | None, currency: str | None = None) -> str:
    """`1,234,567 EUR`, without cents."""
    if value is None:
        return DASH
    return f"{value:,.0f} {currency}" if currency else f"{value:,.0f}"


def signed(value: float | None, decimals: int = 1) -> str:
    """`+3.2`, `−1` with a real minus sign, `±0`."""
    if value is None:
        return DASH
    shown = number(abs(value), decimals)
    if shown == "0":
        return "±0"
    return f"{'+' if value > 0 else '−'}{shown}"


def coded(value: str) -> Markup:
    """A sentence in which what stands between backticks is a command."""
    parts = [escape(part) for part in inert(value).split("`")]
    if len(parts) % 2 == 0:  # one that has no end
        return escape(inert(value))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def plain(value: object) -> str:
    """A value of a metric: a number, an answer in words, yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, 2) if isinstance(value, float | int) else worded(value)


def day(value: date | str | None) -> str:
    """`2026-06-30`."""
    return DASH if value is None else str(value)[:10]


def worded(value: object) -> str:
    """`not_due` as `not due`."""
    return DASH if value is None else str(value).replace("_", " ")


def ago(value: datetime, now: datetime) -> str:
    """`3 hours ago`; `in 3 hours` for what is to come."""
    seconds = (now - value).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(abs(seconds) // size)
        if count:
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now"


def segment(value: object) -> str:
    """A value as one part of a path."""
    return quote(str(value), safe="")


def query(asked: Mapping[str, Any], **changes: Any) -> str:
    """A query string of what was asked for with some parts changed; None and empty ones are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in {**asked, **changes}.items():
        many = value if isinstance(value, tuple | list) else (value,)
        pairs += [(key, str(one)) for one in many if one not in (None, "", False)]
    return f"?{urlencode(pairs)}" if pairs else ""


def moment(zone: ZoneInfo) -> Callable[[datetime | str | None], Markup | str]:
    """A moment, or its ISO text, in the time zone of the configuration, as a `time` element."""

    def shown(value: datetime | str | None) -> Markup | str:
        if value is None:
            return DASH
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
        local = value.astimezone(zone)
        exact = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            exact, f"{local:%Y-%m-%d %H:%M:%S %Z}", f"{local:%Y-%m-%d %H:%M}"
        )

    return shown


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "percent": percent,
    "money": money,
    "signed": signed,
    "plain": plain,
    "coded": coded,
    "day": day,
    "worded": worded,
    "segment": segment,
}
