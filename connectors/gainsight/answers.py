"""What Gainsight's answers mean: the envelope, the response table, and the errors that come of them.

Gainsight's own words quote the values that it refuses, so none of them is ever repeated: a message is made of the
code, of what we know about it, and of the names of fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

from connectors.errors import (
    BadAnswer,
    ConfigError,
    ConnectorError,
    CredentialsError,
    MissingScope,
    QuotaExhausted,
    RecordRejected,
    RetryLater,
)
from connectors.http import Action, Answer, ResponseTable, Rule
from connectors.retry import Throttled

_KEY_HINT = (
    "Put the tenant's current key into access_key: there is one for the whole tenant, and generating it anew makes "
    "the old one invalid everywhere."
)
_IP_HINT = "Let an admin add this machine's address to the tenant's allowed IP ranges, or use oauth, which has none."
_HOST_HINT = "Check base_url and any proxy in between."

TABLE = ResponseTable(
    (
        Rule(Action.STOP_UNTIL_RESET, (429,), r"\bdaily\b|\bday\b", hint="The next scheduled run goes on from here."),
        Rule(Action.WAIT, (429,)),
        Rule(Action.FAIL_CREDENTIALS, ((200, 499),), r"^GS_APIG_2402\b", hint=_IP_HINT),
        Rule(Action.REFRESH_TOKEN, ((200, 499),), r"^(GS_APIG_2401|GSOBJ_1024)\b", hint=_KEY_HINT),
        Rule(Action.REFRESH_TOKEN, (401,), hint=_KEY_HINT),
        Rule(Action.FAIL_CONFIG, ((200, 499),), r"^GSOBJ_1023\b", hint=_HOST_HINT),
        Rule(Action.FAIL_SCOPE, (403,), hint="Let an admin allow this in the tenant's permissions for the API."),
        Rule(Action.WAIT, ((200, 499),), r"^GU_2400\b"),
        Rule(Action.RETRY, ((200, 499),), r"^GU_1101\b"),
        Rule(Action.RETRY, (408, (500, 599))),
        Rule(Action.NOT_FOUND, ((200, 499),), r"^OBJECT_NOT_FOUND\b|^ .*object not found"),
        Rule(Action.SKIP_RECORD, (200, 400, 404, 409, 413, 422)),
    )
)
"""Status, code and description → what to do, for what did not succeed; a refusal may come with status 200.

Codes are looked for at the beginning only: behind it stands a description, which may quote a value that looks like one.
"""

_NEEDS_ENVELOPE = frozenset({Action.FAIL_SCOPE, Action.NOT_FOUND, Action.SKIP_RECORD})
"""Verdicts that are only believed when the API gave them, not a proxy with a page of its own."""

EMPTY = re.compile(r"\bGSOBJ_1011\b|no data found|no entity matches", re.IGNORECASE)
"""How Gainsight says that nothing fits a query, or that no record has the key of an update."""

_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "GSOBJ_1001": "a text is longer than its field",
        "GSOBJ_1002": "a field does not exist, or a value does not fit its type",
        "GSOBJ_1004": "the id of a record is missing or not valid",
        "GSOBJ_1005": "a date and time has a form that Gainsight does not read",
        "GSOBJ_1006": "a date has a form that Gainsight does not read",
        "GSOBJ_1007": "a field that must not be empty would become empty",
        "GSOBJ_1008": "a value does not pass Gainsight's validation",
        "GSOBJ_1011": "no record fits",
        "GSOBJ_1023": "the address of the call is not valid",
        "GSOBJ_1024": "the credentials are not accepted",
        "COCKPIT_6007": "the id of a call to action is not valid",
        "COCKPIT_9700": "a field that a call to action needs is missing",
        "GSOBJ_VCRUDR1002": "a field does not exist in the object",
        "GSOBJ_VDTPKLST1001": "the picklist does not exist",
        "GSOBJ_VDTPKLST1002": "a value is no item of its picklist",
        "GS_APIG_2401": "the credentials are not accepted",
        "GS_APIG_2402": "this machine's IP address is not in the tenant's allowed ranges",
        "GU_1101": "something went wrong in Gainsight",
        "GU_2400": "too many requests",
        "OBJECT_NOT_FOUND": "the object does not exist, or the credentials may not see it",
    }
)
_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,49}")
_FIELD = re.compile(r"[A-Za-z]\w{0,99}(?:\.\w{1,100})?")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of a refused write: the field at fault, and the value that it had, which is never shown."""

    code: str
    field: str | None
    value: object


@dataclass(frozen=True, slots=True)
class Envelope:
    """Every answer of the API; `description` is for recognising things and never for showing."""

    result: object
    code: str
    description: str
    data: object

    @property
    def text(self) -> str:
        """What the response table searches."""
        return f"{self.code} {self.description}"

    @property
    def empty(self) -> bool:
        """Whether this says that nothing fits, in one of the two forms that are errors to look at."""
        return self.result is False and EMPTY.search(self.text) is not None

    def field_errors(self) -> Iterator[FieldError]:
        """What is said about single fields, however deep the lists are nested."""
        data = self.data
        yield from _field_errors(data.get("errors") if isinstance(data, Mapping) else None)


class RequestRefused(RecordRejected):
    """Gainsight refused a request as a whole, so that nothing of it was done; `envelope` says why."""

    def __init__(self, message: str, envelope: Envelope) -> None:
        first = next(envelope.field_errors(), None)
        super().__init__(message, code=envelope.code, field=first.field if first else None)
        self.envelope = envelope


class NotFound(RecordRejected):
    """The object that was asked for does not exist."""


class Refused401(CredentialsError):
    """The credentials of the request were not accepted; others may be."""


def read_envelope(answer: Answer) -> Envelope | None:
    """The envelope of an answer, or None when the body is no JSON object or none of Gainsight's."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return envelope_of(body)


def envelope_of(body: object) -> Envelope | None:
    """The envelope in a JSON value, or None."""
    if not isinstance(body, dict) or not isinstance(body.get("result"), bool):
        return None
    said = (body.get(name) for name in ("errorCode", "title"))
    code = next((one for one in said if isinstance(one, str) and _CODE.fullmatch(one)), "")
    told = (body.get(name) for name in ("errorDesc", "message", "detail"))
    description = " ".join(one for one in told if isinstance(one, str))
    return Envelope(body["result"], code, description, body.get("data"))


def explain(code: str, fields: tuple[str, ...] = ()) -> str:
    """What a code means in our own words, with the fields that are at fault."""
    meaning = _MEANINGS.get(code, "Gainsight gives no reason that may be shown")
    if code.startswith("GSOBJ_VDT") and code not in _MEANINGS:
        meaning = "a value does not fit the type of its field"
    named = f" ({', '.join(fields)})" if fields else ""
    return f"{code}: {meaning}{named}" if code else f"{meaning}{named}"


def failure(answer: Answer, envelope: Envelope | None, what: str) -> ConnectorError:
    """The error behind an answer that did not succeed; `what` names the call in words."""
    rule = TABLE.judge(answer.status, envelope.text if envelope else "")
    if envelope is None and rule.action in _NEEDS_ENVELOPE:
        return BadAnswer(
            f"{what} was answered with status {answer.status} and none of Gainsight's error formats.",
            hint=_HOST_HINT,
            sent=True,
        )
    said = f"{what} was refused with status {answer.status}"
    if envelope is not None:
        fields = tuple(dict.fromkeys(one.field for one in envelope.field_errors() if one.field))
        said = f"{said}: {explain(envelope.code, fields)}"
    said += "."
    return _error(rule, envelope, said)


_PLAIN: Mapping[Action, type[ConnectorError]] = MappingProxyType(
    {
        Action.WAIT: Throttled,
        Action.STOP_UNTIL_RESET: QuotaExhausted,
        Action.RETRY: RetryLater,
        Action.REFRESH_TOKEN: Refused401,
        Action.FAIL_CREDENTIALS: CredentialsError,
        Action.FAIL_SCOPE: MissingScope,
        Action.FAIL_CONFIG: ConfigError,
    }
)


def _error(rule: Rule, envelope: Envelope | None, said: str) -> ConnectorError:
    if rule.action in _PLAIN:
        return _PLAIN[rule.action](said, hint=rule.hint)
    if envelope is not None and rule.action is Action.NOT_FOUND:
        return NotFound(said, code=envelope.code)
    if envelope is not None and rule.action is Action.SKIP_RECORD:
        return RequestRefused(said, envelope)
    return BadAnswer(said, hint=f"{_HOST_HINT} Redirects are not followed.", sent=True)


def _field_errors(errors: object) -> Iterator[FieldError]:
    if isinstance(errors, list):
        for one in errors:
            yield from _field_errors(one)
    elif isinstance(errors, Mapping):
        name, code = errors.get("fieldName"), errors.get("errorCode")
        if isinstance(name, str) or isinstance(code, str):
            field = name if isinstance(name, str) and _FIELD.fullmatch(name) else None
            known = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
            yield FieldError(known, field, errors.get("invalidValue"))
        yield from _field_errors(errors.get("errors"))
