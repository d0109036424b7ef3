"""The sandbox org as the contract tests use it: a small portfolio, a connector on it, and the hands of its people."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests
import uvicorn
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.base import Page, Stream, StreamMap, Window
from connectors.budget import MemoryBudget
from connectors.salesforce.connector import SalesforceConnector, connect
from connectors.salesforce.settings import SalesforceSettings
from mapping.records import RawRecord
from sandbox.http import Edge, Wire
from sandbox.salesforce.app import create_app
from sandbox.salesforce.options import ConnectedApp, SalesforceOptions
from sandbox.salesforce.state import SalesforceState
from sandbox.world.generate import generate
from sandbox.world.model import World

FIELD_MAPS = Path(__file__).parents[2] / "config" / "fields"


class SkippingClock:
    """The machine's clock, except that sleeping moves it on instead of waiting."""

    def __init__(self) -> None:
        self.skipped = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.skipped += timedelta(seconds=seconds)


@cache
def world() -> World:
    """Sixty accounts of a fixed seed."""
    return generate(7, 60, date(2026, 11, 22))


def _properties(rule: Any) -> list[str]:
    if isinstance(rule, str):
        return [rule]
    if "property" in rule:
        return [rule["property"]]
    return list(rule.get("first_of", ())) + [name for one in rule.get("rules", ()) for name in one["when"]]


@cache
def shipped_map(kind: str = "salesforce") -> Mapping[str, StreamMap]:
    """The shipped field map of a CRM in its connector's terms."""
    maps: dict[str, StreamMap] = {}
    for name, stream in yaml.safe_load((FIELD_MAPS / f"{kind}.yaml").read_text()).items():
        custom: dict[str, tuple[str, ...]] = {}
        for unified, rule in stream.get("custom", {}).items():
            for prop in _properties(rule):
                custom[prop] = (*custom.get(prop, ()), unified)
        standard = [prop for rule in stream["fields"].values() for prop in _properties(rule)]
        maps[name] = StreamMap(stream["entity"], tuple(dict.fromkeys([*standard, *custom])), custom)
    return maps


class Switch:
    """One server for all tests of a process; each test puts its own CRM behind it."""

    def __init__(self, name: str) -> None:
        self.app: Any = None
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._answer, http=Wire, ws="none", lifespan="off", log_config=None, access_log=False, interface="asgi3",
            date_header=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name=name).start()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@cache
def _switch() -> Switch:
    return Switch("salesforce")


@cache
def _key() -> tuple[str, str]:
    """Private and public key of the org's app, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class Org:
    """A running org; `connector` opens connections, the other methods are what its people and admins do."""

    url: str
    state: SalesforceState
    clock: SkippingClock = field(default_factory=SkippingClock)
    opened: list[SalesforceConnector] = field(default_factory=list)

    def auth(self, flow: str = "client_credentials", **changes: Any) -> dict[str, Any]:
        """Settings of a flow with the org's own credentials."""
        app, login = self.state.options.apps[0], self.state.options.logins[0]
        keys = {
            "jwt": {"username": login.username, "private_key": _key()[0]},
            "client_credentials": {"consumer_secret": app.consumer_secret},
            "password": {
                "consumer_secret": app.consumer_secret,
                "username": login.username,
                "password": login.password,
                "security_token": login.security_token,
            },
        }
        return {"flow": flow, "consumer_key": app.consumer_key, **keys[flow], **changes}

    def connector(
        self, field_map: Mapping[str, StreamMap] | None = None, auth: Mapping[str, Any] | None = None, **changes: Any
    ) -> SalesforceConnector:
        """A new connection with the shipped field map."""
        raw = {"auth": auth or self.auth(), "login_url": self.url, **changes}
        settings = SalesforceSettings.model_validate(raw)
        budget = MemoryBudget(self.clock, self.clock.sleep)
        one = connect(
            "salesforce",
            settings,
            shipped_map() if field_map is None else field_map,
            budget=budget,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        self.opened.append(one)
        return one

    def post(self, verb: str, body: Any) -> dict[str, Any]:
        """Something that a person or an admin does in the org."""
        answer = requests.post(f"{self.url}/_sandbox/{verb}", json=body, timeout=60)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fault(self, kind: str, path: str = "*", **more: Any) -> None:
        """Let a request go wrong."""
        self.post("faults", [{"kind": kind, "path": path, **more}])

    def live(self, name: str) -> set[str]:
        """Ids that the org truly has."""
        table = self.state.org.tables[name]
        deleted = table.columns.get("IsDeleted")
        return {key for key, row in table.rows.items() if deleted is None or not row[deleted]}


@contextmanager
def org(**options: Any) -> Iterator[Org]:
    """An org for one test; `options` are the sandbox's."""
    apps = (ConnectedApp(public_key_pem=_key()[1]),)
    state = SalesforceState.from_world(world(), SalesforceOptions(apps=apps, **options))
    # Uvicorn's own Date is up to a second late and more on a busy machine, which no vendor's is: it cut windows short.
    _switch().app = Edge(create_app(state), lambda: state.now().timestamp())
    one = Org(_switch().url, state)
    try:
        yield one
    finally:
        for connector in one.opened:
            connector.close()


def stream(connector: SalesforceConnector, name: str) -> Stream:
    """A stream of a connector by name."""
    return next(one for one in connector.streams() if one.name == name)


def pull(
    connector: SalesforceConnector,
    name: str = "accounts",
    *,
    since: datetime | None = None,
    position: str | None = None,
    after_page: Callable[[int, Page], object] = lambda _number, _page: None,
) -> list[Page]:
    """All pages of a stream, with something to happen after each."""
    pages: list[Page] = []
    for page in connector.pages(stream(connector, name), Window(since=since, position=position)):
        pages.append(page)
        after_page(len(pages), page)
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    return pages


def records(pages: list[Page]) -> dict[str, RawRecord]:
    """The last version of each record of pages."""
    return {record.id: record for page in pages for record in page.records}


def live_ids(pages: list[Page]) -> set[str]:
    """Ids of the records of pages that are neither deleted nor merged away."""
    return {record.id for record in records(pages).values() if not record.archived}


def gather(connector: SalesforceConnector, name: str, into: list[Page]) -> None:
    """Pull a stream page by page into a list that keeps what came before an error."""
    for page in connector.pages(stream(connector, name), Window()):
        into.append(page)  # noqa: PERF402
