"""What `doctor` is told of a connection: one check after the other, none of which keeps the others from running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from connectors.base import Check
from connectors.errors import ConnectorError


def findings(accepted: Callable[[], str], checks: Mapping[str, Callable[[], Iterable[Check]]]) -> Iterator[Check]:
    """Whether the credentials are `accepted` (which says so in words), then what each check finds, by its name.

    After refused credentials only that.
    """
    try:
        yield Check("credentials", "ok", accepted())
    except ConnectorError as error:
        yield _failed("credentials", error)
        return
    for name, check in checks.items():
        try:
            yield from check()
        except ConnectorError as error:
            yield _failed(name, error)


def _failed(name: str, error: ConnectorError) -> Check:
    return Check(name, "error", error.message, error.hint)


def clock_check(vendor: str, skew: float, most: float, hint: str) -> Check:
    """What `doctor` says of a clock that is `skew` seconds away from a vendor's; more than `most` is a warning."""
    if abs(skew) > most:
        return Check("clock", "warning", f"{abs(skew):,.0f} s away from {vendor}'s clock", hint)
    return Check("clock", "ok", f"agrees with {vendor}'s clock")
