"""`/_sandbox`: what Gainsight does not have. People and administrators act here, things break, and checkers read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import read_fault
from sandbox.gainsight.admin import Admin
from sandbox.gainsight.errors import FieldError
from sandbox.gainsight.faults import KINDS
from sandbox.gainsight.options import SWITCHES
from sandbox.gainsight.people import People
from sandbox.gainsight.quota import DAY, HOUR, MINUTE, SYNC
from sandbox.gainsight.state import GainsightState
from sandbox.http import JSONAnswer

Body = dict[str, Any]
Verb = Callable[[Body], Any]


def routes(state: GainsightState) -> list[Route]:
    """Return the control routes of one tenant; they need no key and count against no limit."""
    plane, people, admin = _Plane(state), People(state), Admin(state)
    posts: dict[str, Verb] = {
        "faults": plane.faults, "spend": plane.spend, "options": plane.options,
        "create": people.create, "edit": people.edit, "delete": people.delete, "archive": people.delete,
        "touch": people.touch, "key": admin.key, "expire": admin.expire, "allow_list": admin.allow_list,
        "field": admin.field, "picklist": admin.picklist, "rule": admin.rule, "job": admin.job,
    }  # fmt: skip
    gets: dict[str, Callable[[Request], Any]] = {
        "journal": plane.journal, "counts": plane.counts, "stats": plane.stats,
    }  # fmt: skip
    built = [Route(f"/_sandbox/{name}", _post(verb), methods=["POST"]) for name, verb in posts.items()]
    built += [Route(f"/_sandbox/{name}", _get(work), methods=["GET"]) for name, work in gets.items()]
    built.append(Route("/_sandbox/faults", _get(plane.clear_faults), methods=["DELETE"]))
    return built


def _post(verb: Verb) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = orjson.loads(await request.body() or b"{}")
            return JSONAnswer(verb(_object({"faults": body} if isinstance(body, list) else body)))
        except FieldError as error:
            return JSONAnswer({"error": f"{error.code}: {error.message}"}, 400)
        except (TypeError, ValueError, LookupError) as error:
            return JSONAnswer({"error": f"{type(error).__name__}: {error}"}, 400)

    return endpoint


def _object(body: Any) -> Body:
    if not isinstance(body, dict):
        raise TypeError("an object is needed")
    return body


def _get(work: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return JSONAnswer(work(request))

    return endpoint


class _Plane:
    """Faults, limits, switches and books."""

    def __init__(self, state: GainsightState) -> None:
        self._state = state

    def faults(self, body: Body) -> Body:
        """Append to the fault script: `{"faults": [{kind, method, path, nth, times, seconds}]}` or the bare list."""
        script = self._state.faults.faults
        script += [read_fault(_object(item), KINDS) for item in body["faults"]]
        return {"faults": len(script)}

    def clear_faults(self, _: Request) -> Body:
        """Forget the fault script."""
        self._state.faults.faults.clear()
        return {"faults": 0}

    def spend(self, body: Body) -> Body:
        """Let other integrations use up calls: `{day, minute, bulk_hour, bulk_day}`."""
        windows = {"day": (SYNC, DAY), "minute": (SYNC, MINUTE), "bulk_hour": ("bulk", HOUR), "bulk_day": ("bulk", DAY)}
        for name, number in body.items():
            self._state.quota.spend(*windows[name], int(number))
        return self._state.quota.used()

    def options(self, body: Body) -> Body:
        """Switch what can change while the tenant is open: {name: value} of `SWITCHES`."""
        for name, value in body.items():
            wanted = SWITCHES.get(name)
            if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise ValueError(f"{name}={value!r} cannot be switched; {', '.join(SWITCHES)} can")
        self._state.switch(body)
        return {name: getattr(self._state.options, name) for name in SWITCHES}

    def journal(self, request: Request) -> list[dict[str, object]]:
        """Return the effects after number `?since=`."""
        since = request.query_params.get("since", "0")
        return self._state.tenant.journal.as_json(int(since) if since.isascii() and since.isdigit() else 0)

    def counts(self, _: Request) -> Body:
        """Return how many records there truly are; deleted ones count as long as they can be found."""
        tenant = self._state.tenant
        return {
            name: {"live": len(table.rows), "archived": len(tenant.retained(table))}
            for name, table in tenant.tables.items()
        }

    def stats(self, _: Request) -> Body:
        """Return how many requests there were, by route and status, and how many the limits refused."""
        stats, quota = self._state.stats, self._state.quota
        return {
            "requests": stats.requests, "throttled": quota.refused, "faults": stats.faults,
            "by_route": dict(stats.by_route), "by_status": dict(stats.by_status), "quota": quota.used(),
        }  # fmt: skip
