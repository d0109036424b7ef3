"""What the conformance suite needs of a CRM: a sandbox that can be broken on purpose, and the truth about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from connectors.base import Connector, Page, Stream
from mapping.records import RawRecord

Fault = Literal[
    "burst_limit", "daily_limit", "server_error", "truncated", "not_the_api", "answer_lost", "expired_token"
]
"""How a request can fail: throttled for a moment, for the day, 5xx, a cut-off body, an HTML page with status 200,
carried out but without an answer, or refused because its token expired."""

Operation = Literal["read", "write"]


class CrmUnderTest(Protocol):
    """A sandbox CRM that can be broken, with the account stream spread over at least three pages."""

    writable: str
    """Property of the account object that takes a whole number up to 100,000."""
    also_writable: str
    """Another property of the account object that takes such a number."""
    read_only: str
    """Property of the account object that nobody may write."""
    bad_value: str
    """A value that the CRM refuses for `writable`."""

    def connect(self) -> Connector:
        """A fresh connection whose sleep passes virtual time, with credentials that can be renewed."""
        ...

    def connect_wanting(self, property_name: str) -> Connector:
        """A connection whose configuration explicitly maps a property of the account object."""
        ...

    def connect_with_foreign_links(self) -> Connector:
        """A connection to a CRM whose page links lead to another origin."""
        ...

    def foreign_requests(self) -> int:
        """How many requests reached that other origin."""
        ...

    def live_ids(self) -> frozenset[str]:
        """The truth: ids of the accounts that are there."""
        ...

    def unknown_ids(self, count: int) -> Sequence[str]:
        """Ids in the vendor's form that no record of the parents of a links stream has."""
        ...

    def value(self, account_id: str, property_name: str) -> object:
        """The truth: one value."""
        ...

    def requests(self) -> int:
        """How many requests the CRM has received."""
        ...

    def break_requests(self, operation: Operation, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        """Let the next requests for account records fail, from the `nth` on; `times=0` means for ever."""
        ...

    def edit(self, account_id: str, property_name: str, value: str) -> None:
        """Change a value as a person does."""
        ...

    def delete(self, account_id: str) -> None:
        """Delete an account as a person does."""
        ...

    def merge(self, account_id: str, other_id: str) -> str:
        """Merge two accounts as a person does; returns the survivor's id."""
        ...


class NotConformant(AssertionError):
    """A connector broke the contract of `connectors.base`."""


def require(condition: object, message: str) -> None:
    """Raise `NotConformant` unless `condition` holds."""
    if not condition:
        raise NotConformant(message)


def accounts(connector: Connector) -> Stream:
    """The stream of account records."""
    found = [one for one in connector.streams() if one.kind == "records" and one.entity == "account"]
    require(len(found) == 1, f"there must be one account stream, not {len(found)}")
    return found[0]


def live(pages: Iterable[Page]) -> dict[str, RawRecord]:
    """Records of pages that are neither deleted nor merged away, by id."""
    return {record.id: record for page in pages for record in page.records if not is_gone(record)}


def is_gone(record: RawRecord) -> bool:
    """Whether a record is archived, deleted or merged into another one."""
    return record.archived or record.merged_into is not None
