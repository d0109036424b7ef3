"""The kinds of faults that a tenant knows."""

from __future__ import annotations

from sandbox.gainsight.errors import ApiError, unauthorized

ERRORS = {
    "unauthorized": unauthorized(),
    "bad_headers": unauthorized(400),
    "forbidden_ip": ApiError(403, "GS_APIG_2402", "IP address not in whitelisted range"),
    "too_many": ApiError(429, "GU_2400", "Too many request"),
    "500": ApiError(500, "GU_1101", "Oops, something went wrong."),
    "result_false": ApiError(200, "GU_1101", "Oops, something went wrong."),
}
PAGES = {"html_200": 200, "502": 502, "503": 503, "504": 504}
BROKEN = (
    "truncated_json",
    "truncated_body",
    "slow",
    "commit_then_drop",
    "commit_then_500",
    "drop",
    "repeat_rows",
    "churn",
)
KINDS = (*ERRORS, *PAGES, *BROKEN)
"""`commit_…` and the truncations carry the request out; `repeat_rows` begins a page of a query one row too early, and
after `churn` people have been busy with the object of the query."""
