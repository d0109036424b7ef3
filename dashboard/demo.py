"""The guided tour: local CRMs, a first run, a second one that finds nothing to do, and a person who disagrees."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from config.layers import RESERVED
from config.load import SECRETS_DIR, is_path
from config.settings import ENV_PREFIX
from config.starter import GainsightStart, HubSpotStart, SalesforceStart, Starter, write_private
from dashboard.localcrm import LocalCrmError, add_fields, edit_by_hand
from dashboard.terminal import (
    show_accounts,
    show_bands,
    show_cost,
    show_read,
    show_report,
    show_writes,
    words,
)
from dashboard.text import inert

EDITED = "cs_lifecycle_stage"
RATES = {"USD": 0.92, "GBP": 1.17, "DKK": 0.134}
"""About what the currencies of the sandbox's portfolio are worth in euros."""
_TITLES = {"hubspot": "HubSpot", "salesforce": "Salesforce", "gainsight": "Gainsight"}
_NUMBER = {1: "One system", 2: "Two CRMs", 3: "Three systems"}
Data = Mapping[str, Any]
Verb = Callable[[Path], dict[str, Any]]


def sandbox_starter(crms: Data, framework: str = "cradle_to_grave") -> Starter:
    """A configuration for the addresses and credentials that the sandbox announced."""
    hubspot, salesforce, gainsight = (crms.get(name) for name in ("hubspot", "salesforce", "gainsight"))
    return Starter(
        hubspot=HubSpotStart(hubspot["access_token"], hubspot["url"]) if hubspot else None,
        salesforce=SalesforceStart(
            "client_credentials",
            salesforce["url"],
            {"consumer_key": salesforce["consumer_key"], "consumer_secret": salesforce["consumer_secret"]},
        )
        if salesforce
        else None,
        gainsight=GainsightStart(gainsight["access_key"], gainsight["url"], gainsight.get("integration_user"))
        if gainsight
        else None,
        framework=str(Path(framework).absolute()) if is_path(framework) else framework,
        rates=RATES,
    )


@contextmanager
def tour_home(keep: Path | None) -> Iterator[Path]:
    """The folder of a tour: `keep`, or one that goes away; raises LocalCrmError when `keep` cannot be used."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="keepwell-demo-") as scratch:
            yield Path(scratch)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{keep} cannot be made: {error.strerror}. Choose an empty folder of your own for --keep."
        raise LocalCrmError(message) from None
    if (keep / "keepwell.db").exists():
        # Its ledger is about CRMs that are gone; against new ones every value would look like somebody's edit.
        raise LocalCrmError(f"{keep} has the store of an earlier run. Choose an empty folder for --keep.")
    yield keep


@contextmanager
def only_the_file(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Take settings out of the environment for the time of a tour: they may lead to real CRMs and a real store."""
    steering = RESERVED - {SECRETS_DIR}
    names = [name for name in environment if name.upper().startswith(ENV_PREFIX) and name.upper() not in steering]
    aside = {name: environment.pop(name) for name in names}
    try:
        yield
    finally:
        environment.update(aside)


@dataclass(frozen=True, slots=True)
class Tour:
    """Where the tour keeps its files, and the verbs that it uses, each called with the configuration file.

    `prepare` does what `keepwell db upgrade` and `keepwell fields apply` do; `listed` what `keepwell fields export`
    does, for Gainsight; `run` what `keepwell sync` does, and adds the conflicts that are left.
    """

    home: Path
    framework: str
    prepare: Verb
    listed: Callable[[Path, Path], Path]
    run: Verb


def tour(out: Console, crms: Data, plan: Tour) -> dict[str, Any]:
    """Walk through Keepwell's whole job and return what happened; stops at the first run that fails."""
    config = plan.home / "keepwell.yaml"
    write_private(config, sandbox_starter(crms, plan.framework).text(), replace=True)
    names = [name for name in _TITLES if name in crms]
    places = ", ".join(f"{_TITLES[name]} at {crms[name]['url']}" for name in names)
    out.print(f"{_NUMBER[len(names)]} with a made-up portfolio: {places}.")
    told: dict[str, Any] = {"config": str(config)}

    _chapter(out, "1. Custom properties are created (keepwell fields apply)")
    fields = plan.prepare(config)["fields"]
    for name in dict.fromkeys(one["connection"] for one in fields if one["connection"] != "gainsight"):
        out.print(f"{name}: {sum(one['connection'] == name for one in fields)} properties are there.")
    if "gainsight" in crms:
        added = add_fields(crms["gainsight"], plan.listed(config, plan.home / "definitions"))
        out.print(f"gainsight: nobody can create fields through its API; its admin adds {added} from the list that")
        out.print("`keepwell fields export` writes.")

    _chapter(out, "2. The first run reads, evaluates, plans, writes and checks (keepwell sync)")
    first = told["first"] = plan.run(config)
    if not _ended_well(out, first):
        return told | {"exit_code": first["exit_code"]}
    show_read(out, first["pull"])
    show_bands(out, first["evaluate"])
    out.print("Green, yellow and red are the health of an account; unknown means that too little is known to judge.")
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
    from dashboard.conflicts import show_values  # loads polars, which `keepwell sandbox` starts without

    show_values(out, third["conflicts"])

    _chapter(out, "What a customer-success manager now sees in the CRM, worst health first")
    show_accounts(out, third["top"])
    show_cost(out, first["connections"])
    kept_promises = second["apply"]["confirmed"] == 0 and bool(third["conflicts"])
    return told | {"exit_code": 0 if kept_promises else 1}


def next_steps(kept: Path | None, *, serving: bool) -> str:
    """What to do after the tour; `kept` is the folder that stays, if one does."""
    steps = "`keepwell sandbox` keeps such CRMs running; `keepwell init` starts with your own."
    if serving:
        return f"Next: {steps}"
    if kept is not None:
        return f"Next: `keepwell serve --config {kept / 'keepwell.yaml'}` shows it in a browser; {steps}"
    return f"Next: `keepwell demo --serve` shows it in a browser as well; {steps}"


def _ended_well(out: Console, report: Data) -> bool:
    if report["status"] in ("complete", "partial"):
        return True
    show_report(out, report)
    return False


def _chapter(out: Console, title: str) -> None:
    out.print()
    out.print(Text(title, style="bold cyan"))
