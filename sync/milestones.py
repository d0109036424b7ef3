"""Milestones from a file, for companies whose CRM does not keep them: all of a file is taken, or nothing of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from mapping.fieldmap import MILESTONE
from mapping.records import IMPORTED, FieldType
from mapping.values import READERS, Unreadable
from store import entities, frames, identity
from sync.deps import Deps
from sync.errors import UsageError, no_accounts

COLUMNS = ("account", "milestone", "completed_on", "due_on")
_NEEDED = COLUMNS[:3]
_MOST_SHOWN = 10
_Records = Mapping[int, Sequence[str]]
"""Number of a line → the records of the account that it names."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: milestones stored, and taken away; `unused` are those that the framework does not name."""

    stored: int
    removed: int
    accounts: int
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    account: str
    key: str
    completed_on: date | None
    due_on: date | None

    @property
    def says_nothing(self) -> bool:
        """Whether the line takes the milestone away."""
        return self.completed_on is None and self.due_on is None


@dataclass(slots=True)
class _Problems:
    """Everything wrong with a file, so that it is mended in one go."""

    path: Path
    found: list[str] = field(default_factory=list)

    def add(self, number: int, text: str) -> None:
        self.found.append(f"{self.path}:{number}: {text}")

    def end(self) -> None:
        """Raise UsageError when there are any."""
        if not self.found:
            return
        more = len(self.found) - _MOST_SHOWN
        shown = "\n  ".join(self.found[:_MOST_SHOWN]) + (f"\n  … and {more} more" if more > 0 else "")
        raise UsageError(f"Nothing was imported:\n  {shown}", hint="Mend the file and import it again.")


def import_milestones(deps: Deps, path: Path) -> Imported:
    """Take milestones from a CSV file with the columns `COLUMNS` (`due_on` may be left out) into the store.

    An account is named by account id, CRM id (`hubspot:123` too), domain or whole name. A line replaces what an
    earlier import said of that account and milestone, a line without days takes it away; what a CRM says is never
    touched. Raises `UsageError` with file and line of everything that cannot be read, and then stores nothing.
    """
    problems = _Problems(path)
    lines = list(_read(path, problems, ZoneInfo(deps.settings.timezone)))
    accounts = _Accounts.find(deps, {line.account for line in lines})
    records = {line.number: accounts.records(line, problems) for line in lines}
    _find_repetitions(lines, records, problems)
    problems.end()
    stored, removed = _store(deps, lines, records)
    unused = {line.key for line in lines if not deps.framework.spec.looks_for(line.key)}
    accounts_told = {min(records[line.number]) for line in lines}
    return Imported(stored, removed, len(accounts_told), tuple(sorted(unused)))


def _find_repetitions(lines: Iterable[_Line], records: _Records, problems: _Problems) -> None:
    """Two lines about one milestone of one account: which of them would hold nobody said."""
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        first = seen.setdefault((min(records[line.number], default=""), line.key), line.number)
        if first != line.number and records[line.number]:
            problems.add(line.number, f"line {first} says something of {line.key} of this account already")


def _store(deps: Deps, lines: Sequence[_Line], records: _Records) -> tuple[int, int]:
    """Replace what earlier imports said of these milestones; how many were stored, how many were taken away."""
    rows: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        connection, _, record = min(records[line.number]).partition(":")
        if not line.says_nothing:
            rows.setdefault(connection, []).append(_row(line, connection, record))
    with deps.store.write() as c:
        removed = entities.delete_imported(c, deps.workspace, _ids(lines, records, empty=True))
        entities.delete_imported(c, deps.workspace, _ids(lines, records, empty=False))
        for connection, some in sorted(rows.items()):
            entities.replace_entities(c, deps.workspace, "milestone", connection, some)
    return sum(map(len, rows.values())), removed


def _ids(lines: Iterable[_Line], records: _Records, *, empty: bool) -> list[str]:
    """Ids under which earlier imports may have stored what these lines are about: an account may have got records."""
    chosen = [line for line in lines if line.says_nothing == empty]
    return [f"{record}:{line.key}" for line in chosen for record in records[line.number]]


def _row(line: _Line, connection: str, record: str) -> dict[str, object]:
    return {
        "id": entities.imported_id(connection, record, line.key),
        "stream": IMPORTED,
        "account_ref": record,
        "key": line.key,
        "due_on": line.due_on,
        "completed_on": line.completed_on,
    }


def _read(path: Path, problems: _Problems, zone: ZoneInfo) -> Iterator[_Line]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            header = [name.strip() for name in table.fieldnames or ()]
            if unknown := sorted({*header} - {*COLUMNS}) or [name for name in _NEEDED if name not in header]:
                text = f"the first line has to name the columns {', '.join(COLUMNS)}; wrong or missing: "
                problems.add(1, text + ", ".join(name or "a column without a name" for name in unknown))
            elif twice := sorted({name for name in header if header.count(name) > 1}):
                problems.add(1, f"the first line names {', '.join(twice)} twice")
            problems.end()
            table.fieldnames = header
            for row in table:
                yield from _line(row, table.line_num, problems, zone)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.", hint="Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UsageError(f"{path} is not a CSV file: {error}.", hint="Save it as CSV with commas.") from error


def _line(
    row: dict[str | None, str | list[str] | None], number: int, problems: _Problems, zone: ZoneInfo
) -> Iterator[_Line]:
    cells = {name: (row.get(name) or "") for name in COLUMNS}
    if None in row:
        problems.add(number, "has more cells than the first line")
        return
    account, key = str(cells["account"]).strip(), str(cells["milestone"]).strip()
    if not account and not key:
        return
    if not account:
        problems.add(number, "names no account")
    if not MILESTONE.fullmatch(f"ms.{key}"):
        problems.add(number, f"{key!r} is no name of a milestone such as kick_off")
    days: list[date | None] = []
    for name in ("completed_on", "due_on"):
        said = str(cells[name]).strip()
        try:
            day = READERS[FieldType.DATE](said, zone) if said else None
        except Unreadable as error:
            problems.add(number, f"{name} {said!r} {error}")
            day = None
        days.append(day if isinstance(day, date) else None)
    yield _Line(number, account, key, *days)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Which accounts the file may mean, and the records of each as `connection:id`."""

    meant: dict[str, set[str]]
    records_of: dict[str, list[str]]

    @classmethod
    def find(cls, deps: Deps, named: Iterable[str]) -> _Accounts:
        """Look all names up at once: one walk over the accounts, however long the file is."""
        wanted = set(named)
        folded = {one.casefold() for one in wanted}
        meant: dict[str, set[str]] = {}
        records_of: dict[str, list[str]] = {}
        with deps.store.read() as c:
            links = identity.links(c, deps.workspace)
            if not links and wanted:
                raise no_accounts()
            account_of = {(link.connection, link.crm_id): link.account_id for link in links}
            for link in links:
                records_of.setdefault(link.account_id, []).append(f"{link.connection}:{link.crm_id}")
                for name in (link.account_id, link.crm_id, f"{link.connection}:{link.crm_id}"):
                    if name in wanted:
                        meant.setdefault(name, set()).add(link.account_id)
            for rows in frames.frames(c, deps.workspace, "account"):
                for connection, record, *texts in rows.select("connection", "id", "name", "domain").iter_rows():
                    account = account_of.get((connection, record))
                    for text in {one.casefold() for one in texts if one} & folded if account else ():
                        meant.setdefault(text, set()).add(str(account))
        return cls(meant, records_of)

    def records(self, line: _Line, problems: _Problems) -> Sequence[str]:
        """The records of the account that a line names; a problem when there is none or there are several."""
        found = self.meant.get(line.account) or self.meant.get(line.account.casefold()) or set()
        if len(found) == 1:
            return self.records_of[next(iter(found))]
        if line.account:
            several = f"could be {len(found)} accounts: {', '.join(sorted(found)[:5])}"
            problems.add(line.number, f"account {line.account!r} {several if found else 'is not in the store'}")
        return ()
