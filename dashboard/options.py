"""Options of the command line that several verbs share, declared once.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from dashboard import completing

T = TypeVar("T")
DEFAULT_CONFIG = Path("keepwell.yaml")
DEFAULT_FRAMEWORK = "cradle_to_grave"
ALERT_STATES = {
    "open": ("open",),
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
    "standing": ("open", "acknowledged"),
    "all": ("open", "acknowledged", "resolved"),
}
NOTICE_STATES = {
    "waiting": ("waiting", "sending"),
    "sent": ("sent",),
    "given_up": ("given_up",),
    "open": ("waiting", "sending", "given_up"),
    "all": ("waiting", "sending", "sent", "given_up"),
}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_LONGEST_HORIZON = 3_650
SHORTEST_PASSWORD = 12


def parse_limit(text: str) -> object:
    """`50%` or `500` as a guard's limit."""
    from config.limits import Limit

    return _usage(Limit.parse, text)


def parse_share(text: str) -> float:
    """`20%` as 0.2."""
    from config.limits import parse_percent

    return _usage(parse_percent, text)


def _usage(parse: Callable[[str], T], text: str) -> T:
    """Make the usage error of a ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parse_age(text: str) -> float:
    """`26h`, `90m`, `2d` or `30s` in seconds."""
    if text[-1:] not in _UNITS or not text[:-1].isdecimal():
        raise typer.BadParameter(f"{text!r} is not an age such as 26h, 90m or 2d")
    return int(text[:-1]) * _UNITS[text[-1]]


def parse_day(text: str) -> date:
    """`2026-06-30` as a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-06-30") from None


def parse_horizon(text: str) -> int:
    """`180d` as a number of days."""
    days = text[:-1] if text[-1:] == "d" else ""
    if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= _LONGEST_HORIZON:
        raise typer.BadParameter(f"{text!r} is no number of days such as 180d, from 1d to {_LONGEST_HORIZON}d")
    return int(days)


def parse_name(text: str) -> str:
    """Text that says something: an empty one, for instance of a variable that is not set, must not mean everything."""
    if not text.strip():
        raise typer.BadParameter("is empty; give an id, a domain or a name")
    return text


def parse_log_format(text: str) -> str:
    """`text` or `json`."""
    from config.observing import LOG_FORMATS

    if text not in LOG_FORMATS:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(LOG_FORMATS)}")
    return text


CRM_USERS = "crm-users"


def parse_reader(text: str) -> str:
    """Who reads the page of a framework."""
    if text not in ("leads", CRM_USERS):
        raise typer.BadParameter(f"{text!r} is not leads or {CRM_USERS}")
    return text


def parse_states(text: str) -> tuple[str, ...]:
    """States of alerts; `standing` are open and acknowledged ones."""
    return _states(text, ALERT_STATES)


def parse_notice_states(text: str) -> tuple[str, ...]:
    """States of notifications; `open` are those that were not sent."""
    return _states(text, NOTICE_STATES)


def _states(text: str, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if text not in known:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}")
    return known[text]


def new_password() -> str:
    """A password that was typed twice, or the first line of stdin where that is no terminal."""
    if sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"give a password of at least {SHORTEST_PASSWORD} characters")
    return password


Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="KEEPWELL_CONFIG", readable=False, metavar="PATH", help="Configuration file."
    ),
]
LogFormat = Annotated[
    Any,
    typer.Option(
        "--log-format",
        parser=parse_log_format,
        metavar="text|json",
        autocompletion=completing.words("text", "json"),
        help="How stderr is logged.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
NoInput = Annotated[bool, typer.Option("--no-input", help="Never ask; fail instead.")]
AsOf = Annotated[
    Any, typer.Option("--as-of", parser=parse_day, metavar="DATE", help="Evaluate for this day, e.g. 2026-06-30.")
]
Full = Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")]
Accounts = Annotated[int, typer.Option("--accounts", min=1, max=200_000, metavar="N", help="Size of the portfolio.")]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same portfolio.")]
Days = Annotated[
    int, typer.Option("--days", min=0, max=3650, metavar="N", help="Let the portfolio live through N days first.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Framework = Annotated[
    str,
    typer.Option(
        "--framework",
        metavar="F",
        autocompletion=completing.frameworks,
        help="A shipped framework, or the path of your own.",
    ),
]
TestedFramework = Annotated[
    str,
    typer.Argument(
        metavar="FRAMEWORK",
        autocompletion=completing.frameworks,
        help="A shipped framework, or the path of your own.",
        show_default=False,
    ),
]
OtherFramework = Annotated[
    str,
    typer.Option(
        "--framework",
        metavar="F",
        autocompletion=completing.frameworks,
        help="The framework to try: a shipped one, or the path of your own.",
    ),
]
Keep = Annotated[Path | None, typer.Option("--keep", metavar="DIR", help="Keep configuration and store here.")]
Serve = Annotated[bool, typer.Option("--serve", help="Then serve the dashboard over it, until Ctrl-C.")]
WithGainsight = Annotated[bool, typer.Option("--with-gainsight", help="Have a Gainsight tenant too.")]
WriteConfig = Annotated[
    Path | None, typer.Option("--write-config", metavar="PATH", help="Write a keepwell.yaml that points here.")
]
PlanOut = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `apply FILE`.")]
PageOut = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the page there.")]
Reader = Annotated[
    Any,
    typer.Option(
        "--for",
        parser=parse_reader,
        metavar="leads|crm-users",
        autocompletion=completing.words("leads", CRM_USERS),
        help="Who reads the page.",
    ),
]
ExportOut = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Write a package for each CRM that takes one.")
]
ExportFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="sfdx|csv",
        autocompletion=completing.words("sfdx", "csv"),
        help="Only this package, in FOLDER itself.",
    ),
]
Suggest = Annotated[
    Path | None, typer.Option("--suggest", metavar="FILE", help="Write a framework with fitted weights.")
]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when the plan has changes.")]
PlanId = Annotated[str, typer.Argument(metavar="PLAN", help="A plan's id, or the file that `plan --out` wrote.")]
Streams = Annotated[
    list[str],
    typer.Argument(
        metavar="STREAM", autocompletion=completing.streams, help="What to read: companies, or hubspot:companies."
    ),
]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="CRM id, domain or name.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also expressions, and every fact.")]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", autocompletion=completing.run_ids, help="A run's id, or `latest`.")
]
WritingRun = Annotated[
    str,
    typer.Argument(metavar="RUN", autocompletion=completing.writing_run_ids, help="Its id; `latest`: the last writer."),
]
DuringFreeze = Annotated[bool, typer.Option("--during-freeze", help="Guard: write although it is a freeze.")]
MilestonesFile = Annotated[
    Path, typer.Argument(metavar="FILE", dir_okay=False, help="CSV: account, milestone, completed_on, due_on.")
]
OneAccount = Annotated[
    Any, typer.Option("--select", parser=parse_name, metavar="ACCOUNT", help="Of this account: id, domain or name.")
]
RecordOrAccount = Annotated[
    Any,
    typer.Argument(parser=parse_name, metavar="RECORD|ACCOUNT", help="CRM id, or domain or name of an account."),
]
Property = Annotated[Any, typer.Option("--property", parser=parse_name, metavar="P", help="Only this property of it.")]
Everything = Annotated[bool, typer.Option("--all", help="Every value that is open.")]
Decided = Annotated[bool, typer.Option("--all", help="Also those that were accepted.")]
DecidedToo = Annotated[bool, typer.Option("--all", help="Also what was decided, and whether it counts.")]
Records = Annotated[
    list[str],
    typer.Argument(
        parser=parse_name, metavar="RECORD", help="CONNECTION:ID, or the id of a review.", show_default=False
    ),
]
Decisions = Annotated[
    list[str],
    typer.Argument(
        parser=parse_name, metavar="DECISION|RECORD", help="Id of a decision, or CONNECTION:ID.", show_default=False
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the decision.")]
AlertNumber = Annotated[str, typer.Argument(metavar="ALERT", help="An alert's number.")]
AlertStates = Annotated[
    Any,
    typer.Option(
        "--state",
        parser=parse_states,
        metavar="STATE",
        autocompletion=completing.words(*ALERT_STATES),
        help="open, acknowledged, resolved, standing, all.",
    ),
]
AlertOwner = Annotated[
    Any, typer.Option("--owner", parser=parse_name, metavar="WHO", help="Of this role, or person: id, name or e-mail.")
]
AlertAccount = Annotated[
    Any, typer.Option("--account", parser=parse_name, metavar="ACCOUNT", help="About this account: id, domain or name.")
]
Overdue = Annotated[bool, typer.Option("--overdue", help="Those that nobody answered in time.")]
AnsweredBy = Annotated[str, typer.Option("--by", parser=parse_name, metavar="NAME", help="Who takes it up.")]
Note = Annotated[Any, typer.Option("--note", metavar="TEXT", help="What is done about it.")]
Rows = Annotated[int, typer.Option("--limit", min=1, max=1000, metavar="N", help="How many.")]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to serve on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="P", help="Port; 0 takes a free one.")]
OnlyComplete = Annotated[bool, typer.Option("--complete", help="A partial run is not good enough.")]
MaxAge = Annotated[
    Any, typer.Option("--max-age", parser=parse_age, metavar="AGE", help="Fail when it is longer ago, e.g. 26h.")
]

NoticeStates = Annotated[
    Any,
    typer.Option(
        "--state",
        parser=parse_notice_states,
        metavar="STATE",
        autocompletion=completing.words(*NOTICE_STATES),
        help="open, waiting, given_up, sent, all.",
    ),
]
NoticeNumber = Annotated[
    int | None,
    typer.Argument(metavar="[NUMBER]", min=1, help="Number of one; without it all of them.", show_default=False),
]
NotifyChannel = Annotated[
    str,
    typer.Argument(
        metavar="CHANNEL",
        autocompletion=completing.channels,
        help="A name under notifications.channels.",
        show_default=False,
    ),
]
ToldAge = Annotated[
    Any, typer.Option("--max-age", parser=parse_age, metavar="AGE", help="Tell when no run was good for so long.")
]
AtOnce = Annotated[bool, typer.Option("--now", help="Also what waits for a digest or for its next attempt.")]


def standard(config: Config = DEFAULT_CONFIG, as_json: AsJson = False, no_input: NoInput = False) -> dict[str, Any]:
    """What every verb has."""
    return {"config": config, "as_json": as_json, "no_input": no_input}


def first_file(
    *,
    hubspot: Annotated[bool | None, typer.Option("--hubspot/--no-hubspot", help="Connect HubSpot.")] = None,
    salesforce: Annotated[bool | None, typer.Option("--salesforce/--no-salesforce", help="Connect Salesforce.")] = None,
    gainsight: Annotated[bool | None, typer.Option("--gainsight/--no-gainsight", help="Connect Gainsight.")] = None,
    hubspot_url: Annotated[str | None, typer.Option(metavar="URL", help="Address of HubSpot's API.")] = None,
    salesforce_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Salesforce logs in: your My Domain.")
    ] = None,
    salesforce_flow: Annotated[
        str | None, typer.Option(metavar="FLOW", help="jwt, client_credentials, password or token.")
    ] = None,
    gainsight_url: Annotated[str | None, typer.Option(metavar="URL", help="Address of your Gainsight tenant.")] = None,
    framework: Annotated[
        str | None, typer.Option(metavar="F", help="A shipped framework, or the path of your own.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Time zone in which days are counted.")] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Address of the store.")] = None,
) -> dict[str, Any]:
    """What a new configuration file says; None is asked for, or filled with the default."""
    return {
        "hubspot": hubspot,
        "salesforce": salesforce,
        "gainsight": gainsight,
        "hubspot_url": hubspot_url,
        "salesforce_url": salesforce_url,
        "salesforce_flow": salesforce_flow,
        "gainsight_url": gainsight_url,
        "framework": framework,
        "timezone": timezone,
        "store": store,
    }


def ports(
    hubspot_port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="0 chooses a free port.")] = 0,
    salesforce_port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="0 chooses a free port.")] = 0,
    gainsight_port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="P", help="0 chooses a free port; another implies --with-gainsight."),
    ] = 0,
    with_gainsight: WithGainsight = False,
) -> dict[str, Any]:
    """Which servers the sandbox has, and where they listen on loopback."""
    return {
        "hubspot_port": hubspot_port, "salesforce_port": salesforce_port, "gainsight_port": gainsight_port,
        "with_gainsight": with_gainsight,
    }  # fmt: skip
