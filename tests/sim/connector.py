"""The connector of the model CRM: honest answers through bad weather, under the engine's own retries and budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NoReturn, TypeVar

from connectors.base import (
    Capabilities,
    Change,
    Check,
    Definition,
    FieldFinding,
    LastChange,
    Observed,
    Outcome,
    Page,
    Stream,
    Usage,
    Window,
)
from connectors.budget import Budget, QuotaPolicy
from connectors.errors import BadAnswer, ConnectorError, CredentialsError, QuotaExhausted, RetryLater, Unreachable
from connectors.meter import Meter
from connectors.retry import Retrier, Throttled
from mapping.records import FieldSpec, RawRecord, Ref, ValueType
from tests.sim.crm import BURST, BURST_SECONDS, ModelCrm, Posted, Record
from tests.sim.process import Process
from tests.sim.weather import ReadFault, Weather, WriteFault

PAGE = 4
DEADLINE = 60.0
LATEST = 100.0
"""Seconds after which the CRM applies no request any more: within the engine's grace."""
INDEX_LAG = 15.0
OVERLAP = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a vendor behaves: whether increments tell what is gone, numbers come as such, failed writes are raised."""

    tells_gone: bool
    typed: bool
    raises: bool
    full_every: timedelta | None


MANNERS: Mapping[str, Manner] = {
    "hubspot": Manner(tells_gone=False, typed=False, raises=False, full_every=timedelta(hours=24)),
    "salesforce": Manner(tells_gone=True, typed=True, raises=True, full_every=None),
}


class ModelFields:
    """All of Keepwell's properties are there."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask

    def property_name(self, spec: FieldSpec) -> str:
        return f"cs_{spec.name}"

    def plan(self, specs: Sequence[FieldSpec]) -> list[FieldFinding]:
        self._ask()
        return [FieldFinding(spec, self.property_name(spec), "exists") for spec in specs]

    def apply(self, findings: Sequence[FieldFinding]) -> list[FieldFinding]:
        return list(findings)


class ModelConnector:
    """One run's connection to a model CRM."""

    capabilities = Capabilities(write_batch=2, read_batch=6, partial_success=True)

    def __init__(
        self,
        crm: ModelCrm,
        process: Process,
        run_id: Callable[[], str],
        streams: Sequence[Stream],
        specs: Iterable[FieldSpec],
        *,
        budget: Budget,
        weather: Weather,
        dice: Random,
        leaves: Callable[[ModelCrm, str], None],
    ) -> None:
        self.name = self.type = crm.name
        self.account_object = crm.accounts
        self._crm = crm
        self._process = process
        self._run_id = run_id
        self._streams = streams
        self._numbers = frozenset(f"cs_{spec.name}" for spec in specs if spec.type is ValueType.NUMBER)
        self._budget = budget
        self._weather = weather
        self._dice = dice
        self._leaves = leaves
        self._manner = MANNERS[crm.name]
        self._meter = Meter()
        self._retrier = Retrier(process.sleep, jitter=lambda most: dice.uniform(0, most), on_retry=self._meter.retry)
        self._read_at: dict[str, float] = {}
        self._burst = QuotaPolicy(f"app:{crm.name}", "burst", BURST, BURST_SECONDS)
        self._daily = QuotaPolicy(f"account:{crm.name}", "daily", 50_000, 86_400.0, 0.2)

    def identity(self) -> str:
        return self._ask(lambda: f"account of {self.name}")

    def fields(self) -> ModelFields:
        return ModelFields(lambda: self._ask(lambda: None))

    def streams(self) -> Sequence[Stream]:
        return self._streams

    def pages(self, stream: Stream, window: Window, _ids: Iterable[str] = ()) -> Iterator[Page]:
        began, after = self._clock(), ""
        if window.position is not None:
            text, _, after = window.position.partition("|")
            began = float(text)
        since = window.since.timestamp() if window.since is not None else None
        more = True
        while more:
            rows, more, total = self._ask(lambda after=after: self._rows(stream.name, since, after))
            after = rows[-1].id if rows else after
            yield Page(
                tuple(rows),
                position=f"{began!r}|{after}",
                complete=not more,
                high_water=_instant(began - OVERLAP),
                expected=total if since is None and not more else None,
            )

    def count(self, _stream: Stream, _window: Window) -> int | None:
        return None

    def all_ids(self, stream: Stream) -> Iterator[str]:
        yield from self._ask(lambda: [one.id for one in self._crm.live(stream.name)])

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        def found() -> list[RawRecord]:
            self._crm.catch_up()
            known = self._crm.objects[stream.name]
            return [self._raw(known[one]) for one in ids if one in known and not known[one].gone]

        yield Page(tuple(self._ask(found)))

    def tasks(self) -> None:
        return None

    def entries(self) -> None:
        return None

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        def current() -> list[Observed]:
            self._crm.catch_up()
            self._read_at |= dict.fromkeys((ref.id for ref in refs), self._clock())
            return [self._observed(ref, properties) for ref in refs]

        return self._ask(current)

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """Of the property where numbers come as text, of the record where they do not: as the vendors do."""
        return self._ask(lambda: [self._last_change(ref, name) for ref in refs for name in properties])

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        try:
            return self._written(batch)
        except (CredentialsError, QuotaExhausted):
            raise
        except ConnectorError as error:
            if self._manner.raises:
                raise
            return [Outcome(one.ref, "in_doubt" if error.sent else "pending", error.message) for one in batch]

    def write_cost(self, records: int, read_back: int = 0) -> int:
        return -(-records // 2) + -(-records // 6) + -(-read_back // 6)

    def checks(self) -> list[Check]:
        return []

    def not_connected(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    def schema(self) -> Mapping[str, Mapping[str, Definition]]:
        return {}

    def usage(self) -> Usage:
        return self._meter.usage()

    def quota_left(self) -> None:
        return None

    def close(self) -> None:
        pass

    def _clock(self) -> float:
        return self._process.time.clock()

    def _rows(self, kind: str, since: float | None, after: str) -> tuple[list[RawRecord], bool, int]:
        """A page of the records behind an id, whether there are more, and how many there are in all."""
        self._crm.catch_up()
        live = self._crm.live(kind)
        if since is None:
            found = live
        else:
            lag = 0.0 if self._manner.tells_gone else INDEX_LAG
            every = self._crm.objects[kind].values() if self._manner.tells_gone else live
            found = [one for one in every if since <= one.stamp <= self._clock() - lag]
        rest = sorted((one for one in found if one.id > after), key=lambda one: one.id)
        return [self._raw(one) for one in rest[:PAGE]], len(rest) > PAGE, len(live)

    def _raw(self, record: Record) -> RawRecord:
        values = {name: self._shown(name, value) for name, value in record.values.items()}
        return RawRecord(
            record.id,
            values,
            modified_at=_instant(record.stamp),
            archived=record.gone,
            merged_from=record.merged_from,
            merged_into=record.merged_into,
        )

    def _observed(self, ref: Ref, properties: Sequence[str]) -> Observed:
        record = self._crm.objects[self._crm.accounts].get(ref.id)
        if record is None or record.gone:
            return Observed(ref, missing=True, merged_into=record.merged_into if record else None)
        return Observed(ref, {name: self._shown(name, record.values.get(name)) for name in properties})

    def _last_change(self, ref: Ref, name: str) -> LastChange:
        effect = self._crm.last_change(ref.id, "" if self._manner.typed else name)
        record = self._crm.objects[self._crm.accounts].get(ref.id)
        if effect is None or record is None or record.gone:
            return LastChange(ref, name)
        ours = effect.actor.startswith("api:")
        return LastChange(
            ref,
            name,
            by="ours" if ours else "somebody",
            of="record" if self._manner.typed else "property",
            value=None if self._manner.typed else record.values.get(name),
            kind="integration" if ours else "person",
            who=effect.actor,
            at=_instant(effect.time),
        )

    def _shown(self, name: str, value: str | None) -> object:
        return float(value) if value is not None and self._manner.typed and name in self._numbers else value

    def _ask(self, answer: Callable[[], T]) -> T:
        """A request that reads, retried as every connector does."""
        return self._retrier.read(lambda: self._asked(answer))

    def _asked(self, answer: Callable[[], T]) -> T:
        self._send()
        fault = self._weather.read()
        self._process.sleep(self._dice.uniform(0.02, 0.3))
        found = answer()
        self._process.sleep(self._dice.uniform(0.02, 0.3))
        if fault == "expired":
            self._renew()
            return self._asked(answer)
        if fault is not None:
            self._fail_to_read(fault)
        return found

    def _fail_to_read(self, fault: ReadFault) -> NoReturn:
        if fault == "throttled":
            self._throttled()
        if fault == "timeout":
            self._process.sleep(30.0)
            raise RetryLater("no answer for 30 s", sent=True)
        if fault == "cut":
            raise BadAnswer("the answer ends in its middle", sent=True)
        if fault == "refused":
            raise Unreachable("connection refused")
        if fault == "revoked":
            raise CredentialsError("the token was refused twice")
        raise RetryLater("status 503", sent=True)

    def _written(self, batch: Sequence[Change]) -> list[Outcome]:
        self._send()
        fault = self._weather.write()
        if fault == "expired":
            self._process.sleep(0.2)
            self._renew()
            return self._written(batch)
        self._not_done(fault)
        posted = self._posted(batch, fault)
        self._process.sleep(DEADLINE if fault == "late" else self._dice.uniform(0.3, 1.0))
        self._crm.catch_up()
        if fault is not None and fault != "partial":
            raise _no_answer(fault)
        silent = self._dice.randrange(len(batch)) if fault == "partial" else None
        return [self._outcome(one.ref, posted) for number, one in enumerate(batch) if number != silent]

    def _not_done(self, fault: WriteFault | None) -> None:
        """Raise for what surely did not happen."""
        if fault == "throttled":
            self._throttled()
        if fault == "refused":
            raise Unreachable("connection refused")
        if fault == "revoked":
            raise CredentialsError("the token was refused twice")

    def _posted(self, batch: Sequence[Change], fault: WriteFault | None) -> Posted:
        """The request leaves; from here on its fate is the CRM's and the network's, whatever becomes of the process."""
        self._leaves(self._crm, self._run_id())
        now = self._clock()
        due: float | None = now + self._dice.uniform(0.02, 0.3)
        if fault == "late":
            due = now + self._dice.uniform(1.0, LATEST)
        elif fault in ("failed_before", "lost_before"):
            due = None
        return self._crm.post(self._run_id(), batch, min(self._read_at[one.ref.id] for one in batch), due)

    def _outcome(self, ref: Ref, posted: Posted) -> Outcome:
        verdict = posted.verdicts[ref.id]
        if verdict == "gone":
            record = self._crm.objects[self._crm.accounts].get(ref.id)
            return Outcome(ref, "gone", "it is not there", merged_into=record.merged_into if record else None)
        if verdict == "rejected":
            change = next(one for one in posted.changes if one.ref.id == ref.id)
            at_fault = next((name for name in sorted(change.values) if name in self._crm.refusing), None)
            return Outcome(ref, "rejected", "a rule of the CRM says no", "FIELD_INTEGRITY", at_fault)
        if verdict == "locked":
            return Outcome(ref, "pending", "somebody has locked it", "UNABLE_TO_LOCK_ROW")
        return Outcome(ref, "confirmed")

    def _send(self) -> None:
        """A request leaves as soon as the budget lets it, unless the day's requests are used up."""
        permit = self._budget.acquire(self._daily, self._burst)
        self._crm.arrives()
        permit.answered()
        with self._meter.request("GET", "/"):
            pass
        left = self._crm.spent_until - self._clock()
        if left > 0:
            self._weather.note("daily limit")
            self._budget.observe(self._daily, remaining=0, resets_in=left)
            raise QuotaExhausted("The day's requests are used up.", resets_in=left)

    def _renew(self) -> None:
        """A new token, for a request of its own."""
        self._budget.acquire(self._daily, self._burst).answered()
        self._crm.arrives()
        with self._meter.request("GET", "/"):
            pass
        self._weather.requests += 1
        self._process.sleep(self._dice.uniform(0.05, 0.4))

    def _throttled(self) -> NoReturn:
        self._meter.throttle()
        self._budget.pause(self._burst, self._dice.choice((1.0, 10.0, 10.0, 45.0)))
        raise Throttled("429", wait=0.0)


def _no_answer(fault: WriteFault) -> ConnectorError:
    if fault == "cut":
        return BadAnswer("the answer ends in its middle", sent=True)
    return RetryLater(f"no answer ({fault})", sent=True)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
