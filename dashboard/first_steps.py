"""The first configuration file: asked for with `init`, or pointed at the sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, cast, get_args

import typer

from config.errors import ConfigFileError, Problem
from config.frameworks import shipped_frameworks
from config.starter import Flow, GainsightStart, HubSpotStart, SalesforceStart, Starter, write_private
from dashboard.answers import Answer, say
from dashboard.demo import sandbox_starter
from dashboard.localcrm import LocalCrmError

Given = Mapping[str, Any]
FLOWS: tuple[str, ...] = get_args(Flow)


def begin(path: Path, given: Given, *, ask: bool, force: bool) -> Answer:
    """Write `path` from what was given, asking for the rest when `ask`; raises ConfigFileError when it exists."""
    if path.exists() and not force:
        raise ConfigFileError([_exists(path)])
    starter = _starter(given, ask=ask)
    _write(path, starter.text(), force=force)
    variables = [name for name in _variables(starter) if name]
    steps = [f"Wrote {path}."]
    if variables:
        steps.append(f"It takes {', '.join(variables)} from the environment.")
    steps.append("Then: keepwell doctor, keepwell fields apply, keepwell plan, keepwell sync.")
    data = {"file": str(path), "variables": variables, "connections": _connections(starter)}
    return say(data, "\n".join(steps))


def serve_sandbox(crms: AbstractContextManager[Any], *, config: Path | None, force: bool, as_json: bool) -> None:
    """Run the sandbox until somebody interrupts it; raises LocalCrmError when it does not start."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(crms)
        except (OSError, RuntimeError) as error:
            raise LocalCrmError(f"The sandbox cannot start: {error}. Choose other ports, or 0 for free ones.") from None
        data = started.as_json()
        if config is not None:
            write_sandbox_config(data, config, force=force)
        typer.echo(json.dumps(data) if as_json else sandbox_announcement(data, config))
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)  # not a lock: once polars is loaded, Ctrl-C does not end a wait for one


def write_sandbox_config(crms: Mapping[str, Any], path: Path, *, force: bool) -> None:
    """Write a configuration with the sandbox's addresses and credentials."""
    _write(path, sandbox_starter(crms).text(), force=force)


def sandbox_announcement(crms: Mapping[str, Any], config: Path | None) -> str:
    """How to reach the sandbox, and what to type next."""
    hubspot, salesforce, gainsight = crms["hubspot"], crms.get("salesforce"), crms.get("gainsight")
    lines = [f"HubSpot      {hubspot['url']}   access token {hubspot['access_token']}"]
    if salesforce:
        lines.append(f"Salesforce   {salesforce['url']}   consumer key {salesforce['consumer_key']}")
    if gainsight:
        lines.append(f"Gainsight    {gainsight['url']}   access key {gainsight['access_key']}")
    if config is not None:
        lines += [f"Wrote {config}.", f"In another terminal: keepwell sync --config {config}"]
    else:
        lines.append("`--write-config PATH` writes a keepwell.yaml that points here.")
    return "\n".join([*lines, "Stop with Ctrl-C."])


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text, replace=force)
    except FileExistsError:
        raise ConfigFileError([_exists(path)]) from None
    except OSError as error:
        hint = "Choose another place, or make room and give this user the right to write there."
        raise ConfigFileError([Problem(str(path), None, "", f"cannot be written: {error.strerror}.", hint)]) from None


def _exists(path: Path) -> Problem:
    return Problem(str(path), None, "", "there is such a file already; it was left alone.", "--force replaces it.")


def _starter(given: Given, *, ask: bool) -> Starter:
    default = Starter()
    hubspot = _choose(given, "hubspot", "Connect HubSpot?", fallback=True, ask=ask)
    salesforce = _choose(given, "salesforce", "Connect Salesforce?", fallback=True, ask=ask)
    gainsight = _choose(given, "gainsight", "Connect Gainsight?", fallback=False, ask=ask)
    if not (hubspot or salesforce or gainsight):
        raise typer.BadParameter("connect at least one of HubSpot, Salesforce and Gainsight")
    return Starter(
        hubspot=_hubspot(given) if hubspot else None,
        salesforce=_salesforce(given, ask=ask) if salesforce else None,
        gainsight=_gainsight(given, ask=ask) if gainsight else None,
        framework=_text(
            given, "framework", f"Framework ({', '.join(shipped_frameworks())})", default.framework, ask=ask
        ),
        timezone=_text(given, "timezone", "Time zone in which days are counted", default.timezone, ask=ask),
        store=_text(given, "store", "Store", default.store, ask=ask),
    )


def _hubspot(given: Given) -> HubSpotStart:
    default = HubSpotStart()
    return HubSpotStart(base_url=given["hubspot_url"] or default.base_url)


def _salesforce(given: Given, *, ask: bool) -> SalesforceStart:
    default = SalesforceStart()
    flow = _text(given, "salesforce_flow", f"Salesforce login ({', '.join(FLOWS)})", default.flow, ask=ask)
    if flow not in FLOWS:
        raise typer.BadParameter(f"{flow!r} is none of {', '.join(FLOWS)}", param_hint="--salesforce-flow")
    url = _text(given, "salesforce_url", "Where Salesforce logs in (your My Domain)", default.login_url, ask=ask)
    return SalesforceStart(cast("Flow", flow), url)


def _gainsight(given: Given, *, ask: bool) -> GainsightStart:
    default = GainsightStart()
    return GainsightStart(
        base_url=_text(given, "gainsight_url", "Address of your Gainsight tenant", default.base_url, ask=ask)
    )


def _text(given: Given, key: str, question: str, fallback: str, *, ask: bool) -> str:
    if given[key] is not None:
        return str(given[key])
    return str(typer.prompt(question, default=fallback, err=True)) if ask else fallback


def _choose(given: Given, key: str, question: str, *, fallback: bool, ask: bool) -> bool:
    if given[key] is not None:
        return bool(given[key])
    if given[f"{key}_url"] is not None:
        return True  # nobody gives an address without wanting what is there
    return typer.confirm(question, default=fallback, err=True) if ask else fallback


def _variables(starter: Starter) -> list[str]:
    """Environment variables that the file refers to, in its order."""
    import re

    return list(dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", starter.text().split("connections:")[1])))


def _connections(starter: Starter) -> list[str]:
    return [name for name in ("hubspot", "salesforce", "gainsight") if getattr(starter, name) is not None]
