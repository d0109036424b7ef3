"""Every rule and value behind an account, evaluated as of now: what `keepwell explain` shows."""

from __future__ import annotations

from typing import Any

from dashboard.web.page import Look, NotFound, Page, View
from dashboard.web.pages.account import AccountAsked


class Why(View):
    """What `keepwell explain --json` prints; docs/cli.md names its keys."""

    explanation: dict[str, Any]


def why(look: Look, asked: AccountAsked) -> Why:
    """Raises NotFound where there is no such account, or nobody to ask."""
    if look.engine.explain is None:
        raise NotFound("This server explains nothing.", "Type `keepwell explain` with the account's id.")
    try:
        return Why(explanation=dict(look.engine.explain(asked.account_id)))
    except LookupError as error:
        raise NotFound(str(error.args[0] if error.args else error)) from None


PAGE = Page("/accounts/{account_id}/why", "Why", "why.html", why, AccountAsked)
