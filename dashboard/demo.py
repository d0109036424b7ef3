"""The guided tour: two local CRMs, a first run, a second one that finds nothing to do, and a person who disagrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from config.load import is_path
from config.starter import HubSpotStart, SalesforceStart, Starter, write_private
from dashboard.localcrm import LocalCrmError, edit_by_hand
from dashboard.terminal import show_accounts, show_bands, show_conflicts, show_pull, show_report, show_writes, words
from dashboard.text import inert

EDITED = "cs_lifecycle_stage"
Data = Mapping[str, Any]
Verb = Callable[[Path], dict[str, Any]]


def sandbox_starter(crms: Data, framework: str = "cradle_to_grave") -> Starter:
    """A configuration for the addresses and credentials that the sandbox announced."""
    hubspot, salesforce = crms.get("hubspot"), crms.get("salesforce")
    return Starter(
        hubspot=HubSpotStart(hubspot["access_token"], hubspot["url"]) if hubspot else None,
        salesforce=SalesforceStart(
            "client_credentials",
            salesforce["url"],
            {"consumer_key": salesforce["consumer_key"], "consumer_secret": salesforce["consumer_secret"]},
        )
        if salesforce
        else None,
        framework=str(Path(framework).absolute()) if is_path(framework) else framework,
    )


@dataclass(frozen=True, slots=True)
class Tour:
    """Where the tour keeps its files, and the verbs that it uses, each called with the configuration file.

    `prepare` does what `keepwell db upgrade` and `keepwell fields apply` do; `run` what `keepwell sync` does, and adds
    the conflicts that are left.
    """

    home: Path
    framework: str
    prepare: Verb
    run: Verb


def tour(out: Console, crms: Data, plan: Tour) -> dict[str, Any]:
    """Walk through Keepwell's whole job and return what happened; stops at the first run that fails."""
    config = plan.home / "keepwell.yaml"
    if (plan.home / "keepwell.db").exists():
        # Its ledger is about CRMs that are gone; against new ones every value would look like somebody's edit.
        raise LocalCrmError(f"{plan.home} has the store of an earlier run. Choose an empty folder for --keep.")
    write_private(config, sandbox_starter(crms, plan.framework).text(), replace=True)
    out.print(f"Two CRMs with a made-up portfolio: HubSpot at {crms['hubspot']['url']}", end="")
    out.print(f", Salesforce at {crms['salesforce']['url']}." if "salesforce" in crms else ".")
    told: dict[str, Any] = {"config": str(config)}

    _chapter(out, "1. Custom properties are created in both CRMs (keepwell fields apply)")
    fields = plan.prepare(config)["fields"]
    for name in dict.fromkeys(one["connection"] for one in fields):
        out.print(f"{name}: {sum(one['connection'] == name for one in fields)} properties are there.")

    _chapter(out, "2. The first run reads, evaluates, plans, writes and checks (keepwell sync)")
    first = told["first"] = plan.run(config)
    if not _ended_well(out, first):
        return told | {"exit_code": first["exit_code"]}
    show_pull(out, first["pull"])
    show_accounts(out, first["top"], "What a customer-success manager now sees in the CRM, worst health first")
    show_bands(out, first["evaluate"])
    show_writes(out, first)

    _chapter(out, "3. The second run finds that nothing changed, and writes nothing")
    second = told["second"] = plan.run(config)
    if not _ended_well(out, second):
        return told | {"exit_code": second["exit_code"]}
    show_writes(out, second)

    _chapter(out, "4. A person changes a value by hand; the third run leaves it alone and says so")
    edit = told["edit"] = asdict(edit_by_hand(crms["hubspot"], EDITED))
    sentence = f"In HubSpot, somebody sets {edit['property']} of {inert(edit['name'])}"
    out.print(Text(f"{sentence} from {words(edit['before'])} to {words(edit['after'])}."))
    third = told["third"] = plan.run(config)
    if not _ended_well(out, third):
        return told | {"exit_code": third["exit_code"]}
    show_conflicts(out, third["conflicts"])
    out.print("Next: `keepwell sandbox` keeps these CRMs running; `keepwell init` starts with your own.")
    kept_promises = second["apply"]["confirmed"] == 0 and bool(third["conflicts"])
    return told | {"exit_code": 0 if kept_promises else 1}


def _ended_well(out: Console, report: Data) -> bool:
    if report["status"] in ("complete", "partial"):
        return True
    show_report(out, report)
    return False


def _chapter(out: Console, title: str) -> None:
    out.print()
    out.print(Text(title, style="bold cyan"))
