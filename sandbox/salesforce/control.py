"""The control plane under `/_sandbox`: faults, edits by people, and the books that a checker reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.salesforce.bulk_jobs import FINAL_STATES
from sandbox.salesforce.context import answer, parse_json
from sandbox.salesforce.errors import RowError
from sandbox.salesforce.rules import ValidationRule
from sandbox.salesforce.state import SalesforceState
from sandbox.salesforce.table import Table
from sandbox.salesforce.writes import Writer, require_id

Body = dict[str, Any]


def routes(state: SalesforceState) -> list[Route]:
    """Return the control routes of one org; they need no login and count against no quota."""
    plane = _Plane(state)
    posts: dict[str, Callable[[Body], Any]] = {
        "faults": plane.faults,
        "edit": plane.edit,
        "create": plane.create,
        "delete": plane.delete,
        "archive": plane.delete,
        "spend": plane.spend,
        "undelete": plane.undelete,
        "merge": plane.merge,
        "hide": plane.hide,
        "formula": plane.formula,
        "locators": plane.locators,
        "jobs": plane.jobs,
        "sessions": plane.sessions,
        "rules": plane.rules,
    }
    gets: dict[str, Callable[[Request], Any]] = {
        "journal": plane.journal,
        "counts": plane.counts,
        "stats": plane.stats,
    }
    built = [Route(f"/_sandbox/{name}", _post(work), methods=["POST"]) for name, work in posts.items()]
    built += [Route(f"/_sandbox/{name}", _get(work), methods=["GET"]) for name, work in gets.items()]
    built.append(Route("/_sandbox/faults", _get(plane.clear_faults), methods=["DELETE"]))
    return built


def _post(work: Callable[[Body], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = parse_json(await request.body() or b"{}")
        try:
            return answer(work({"faults": body} if isinstance(body, list) else body))
        except RowError as error:
            return answer(error.result(), 400)
        except (TypeError, ValueError, LookupError) as error:
            return answer({"error": f"{type(error).__name__}: {error}"}, 400)

    return endpoint


def _get(work: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return answer(work(request))

    return endpoint


class _Plane:
    def __init__(self, state: SalesforceState) -> None:
        self._state = state

    def _writer(self, body: Body) -> Writer:
        user = body.get("user")
        user_id = self._state.person() if user is None else self._user_id(str(user))
        default = self._state.options.late_commit.total_seconds()
        late = timedelta(seconds=float(body.get("commit_after_seconds", default)))
        silent = bool(body.get("silent"))
        return self._state.admin(user_id, f"edit-{next(self._state.numbers)}", visible_after=late, silent=silent)

    def _user_id(self, user: str) -> str:
        return user if user in self._state.org.tables["User"].rows else self._state.user_id(user)

    def _target(self, body: Body, key: str = "id") -> tuple[str, str]:
        table = self._state.org.find_table(str(body["object"]))
        if table is None:
            raise LookupError(f"no object is called {body['object']}")
        return table.kind.name, require_id(body[key], table.kind.label)

    def edit(self, body: Body) -> Body:
        """A person changes a record: `{object, id, properties, user?, commit_after_seconds?, silent?}`.

        `silent` leaves all stamps alone, as when the result of a formula changes. `values` may stand for `properties`.
        """
        name, record_id = self._target(body)
        writer = self._writer(body)
        writer.update(name, record_id, _values(body))
        writer.commit()
        return {"id": record_id}

    def create(self, body: Body) -> Body:
        """A person creates a record: `{object, properties, user?, commit_after_seconds?}`."""
        writer = self._writer(body)
        record_id = writer.insert(str(body["object"]), _values(body))
        writer.commit()
        return {"id": record_id}

    def delete(self, body: Body) -> Body:
        """A person deletes a record: `{object, id, user?, hard?}`."""
        name, record_id = self._target(body)
        writer = self._writer(body)
        writer.delete(name, record_id, hard=bool(body.get("hard")))
        writer.commit()
        return {"id": record_id}

    def undelete(self, body: Body) -> Body:
        """A person restores a record from the recycle bin: `{object, id, user?}`."""
        name, record_id = self._target(body)
        writer = self._writer(body)
        writer.undelete(name, record_id)
        writer.commit()
        return {"id": record_id}

    def merge(self, body: Body) -> Body:
        """A person merges records: `{object, id, other, user?}`, or `winner` and `losers` for up to three."""
        named = {**body, "id": body.get("winner", body.get("id"))}
        name, winner = self._target(named)
        losers = body["losers"] if "losers" in body else [body["other"]]
        writer = self._writer(body)
        writer.merge(name, winner, [require_id(loser, name) for loser in losers])
        writer.commit()
        return {"id": winner}

    def hide(self, body: Body) -> Body:
        """An admin takes a field out of all profiles: `{object, field}`."""
        table = self._state.org.find_table(str(body["object"]))
        target = table.kind.find(str(body["field"])) if table else None
        if table is None or target is None:
            raise LookupError(f"no field {body['field']} on {body['object']}")
        self._state.org.access.restrict(table.kind.name, target.name)
        return {"object": table.kind.name, "field": target.name}

    def formula(self, body: Body) -> Body:
        """An admin makes a field a formula: `{object, field}`; a `silent` edit then changes what it results in."""
        table = self._state.org.find_table(str(body["object"]))
        target = table.kind.find(str(body["field"])) if table else None
        if table is None or target is None:
            raise LookupError(f"no field {body['field']} on {body['object']}")
        table.kind.add([replace(target, calculated=True, createable=False, updateable=False)])
        return {"object": table.kind.name, "field": target.name}

    def locators(self, body: Body) -> Body:
        """End all locators, of queries and of bulk results: `{"action": "expire"}`."""
        if body.get("action") != "expire":
            raise ValueError("the only action is expire")
        return {"queries": self._state.expire_locators()}

    def jobs(self, body: Body) -> Body:
        """Fail the bulk query jobs that are not done: `{"action": "fail", "message"?}`; forget all: `"forget"`."""
        jobs = self._state.query_jobs
        if body.get("action") == "forget":
            count = len(jobs)
            jobs.clear()
            return {"jobs": count}
        if body.get("action") != "fail":
            raise ValueError("the actions are fail and forget")
        running = [job for job in jobs.values() if job.state not in FINAL_STATES]
        for job in running:
            job.state, job.error = "Failed", body.get("message")
        return {"jobs": len(running)}

    def rules(self, body: Body) -> Body:
        """An admin adds a validation rule: `{object, field, message, values?, shown_at?}`; `{}` removes all."""
        rules = self._state.rules
        if not body:
            rules.clear()
        else:
            values = tuple(body.get("values") or ())
            rules.append(
                ValidationRule(body["object"], body["field"], str(body["message"]), values, body.get("shown_at"))
            )
        return {"rules": len(rules)}

    def sessions(self, body: Body) -> Body:
        """End all sessions (`{"action": "expire"}`) or make them incurably bad (`{"action": "spoil"}`)."""
        if body.get("action") == "spoil":
            return {"sessions": self._state.sessions.spoil(body.get("token"))}
        return {"sessions": self._state.sessions.expire_all()}

    def spend(self, body: Body) -> Body:
        """Let another app of the org use up `{requests}` of the day."""
        self._state.usage.spend(int(body["requests"]))
        return {"used": self._state.usage.used}

    def faults(self, body: Body) -> Body:
        """Append to the fault script: `{"faults": [{kind, method, path, nth, times, seconds}]}` or the bare list."""
        return {"faults": self._state.faults.add(body["faults"])}

    def clear_faults(self, _: Request) -> Body:
        """Forget the fault script."""
        self._state.faults.clear()
        return {"faults": 0}

    def journal(self, request: Request) -> list[dict[str, object]]:
        """Return the effects after number `?since=`."""
        since = request.query_params.get("since", "0")
        return self._state.journal.as_json(int(since) if since.isascii() and since.isdigit() else 0)

    def counts(self, _: Request) -> dict[str, Any]:
        """Return how many records there truly are: live, in the recycle bin, and merged away."""
        self._state.org.settle(self._state.now())
        return {name: _count(table) for name, table in self._state.org.tables.items()}

    def stats(self, _: Request) -> Body:
        """Return how many requests there were, by route and status, and how many the quota refused."""
        stats, usage = self._state.stats, self._state.usage
        return {
            "requests": stats.requests,
            "throttled": stats.throttled,
            "faults": stats.faults,
            "by_route": dict(stats.by_route),
            "by_status": dict(stats.by_status),
            "quota": {"used": usage.used, "limit": usage.limit},
        }


def _values(body: Body) -> Body:
    values = body.get("properties", body.get("values"))
    if not isinstance(values, dict):
        raise TypeError("properties must be an object of names and values")
    return values


def _count(table: Table) -> dict[str, int]:
    deleted_at, master_at = table.columns.get("IsDeleted"), table.columns.get("MasterRecordId")
    gone = [row for row in table.rows.values() if deleted_at is not None and row[deleted_at]]
    merged = sum(master_at is not None and row[master_at] is not None for row in gone)
    return {"live": len(table.rows) - len(gone), "archived": len(gone) - merged, "merged_away": merged}
