"""The command line: each verb parses its arguments, calls one function and hands back an answer to show.

Nothing heavy is imported before a verb runs, so that `keepwell --help` stays fast. Annotations are evaluated here
(no `from __future__ import annotations`) because Typer reads them.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

OUR_PACKAGES = ("config", "connectors", "dashboard", "mapping", "notify", "sandbox", "store", "sync", "verbs")


def check_packages() -> str | None:
    """A sentence when a package beside this file is somebody else's: some other `config` shadows ours."""
    home = Path(__file__).resolve().parent
    for name in OUR_PACKAGES:
        found = find_spec(name)
        place = found.origin if found is not None else None
        if place is None or Path(place).resolve().parent.parent != home:
            return (
                f"keepwell: the package `{name}` is found at {place or 'no place'}, not in {home}. "
                "Install Keepwell in an environment of its own (uv tool install, pipx) and unset PYTHONPATH."
            )
    return None


if _complaint := check_packages():  # before any of them is imported
    sys.stderr.write(_complaint + "\n")
    sys.exit(2)

from config import process  # noqa: E402
from dashboard import options as opt  # noqa: E402
from dashboard import run_options as run_opt  # noqa: E402
from dashboard.answers import Answer, group, program_version, say  # noqa: E402
from verbs import (  # noqa: E402, F401 - each declares its commands
    alerts,
    backtest,
    conflicts,
    drift,
    failures,
    forget,
    frameworks,
    identity,
    milestones,
    notify,
    repair,
    report,
    serve,
    simulate,
    undo,
)
from verbs.base import app, read_settings, report_answer, run_deps, teller, verb  # noqa: E402

__all__ = ["IN_ORDER", "app", "main"]
IN_ORDER = (
    "demo", "init", "doctor", "sync", "pull", "plan", "apply", "undo", "backfill", "explain", "status", "drift",
    "simulate", "backtest", "serve", "sandbox",
)  # fmt: skip
"""How `--help` lists the commands, as somebody comes to need them; others follow."""

fields_app = group("Custom properties in each CRM.", app, "fields")
db_app = group("The store.", app, "db")
config_app = group("The configuration.", app, "config")


@verb(app, options=(run_opt.scope, run_opt.guards, run_opt.agreeing), example="keepwell sync --max-changes 80%")
def sync(config: Path, options: dict[str, Any], no_input: bool = False) -> Answer:
    """One whole run: pull, evaluate, plan, write."""
    from sync.deps import RunOptions
    from sync.engine import run_sync
    from sync.telling import tell_after

    asked = RunOptions(**options)
    with run_deps(config, asking=not no_input) as deps:
        return report_answer(tell_after(deps, lambda: run_sync(deps, asked), asked))


@verb(app, example="keepwell pull --full")
def pull(config: Path, full: opt.Full = False) -> Answer:
    """Read what changed in the CRMs, write nothing."""
    from sync.deps import RunOptions
    from sync.engine import run_pull

    with run_deps(config) as deps:
        return report_answer(run_pull(deps, RunOptions(full=full)))


@verb(app, options=(run_opt.scope, run_opt.guards), example="keepwell plan --select acme.com --out plan.json")
def plan(
    config: Path, as_json: bool, options: dict[str, Any], out: opt.PlanOut = None, exit_code: opt.ExitCode = False
) -> Answer:
    """Show what `sync` would write, and its cost."""
    from dashboard.pages import PLAN_ROWS, plan_page
    from dashboard.terminal import show_planned
    from sync.deps import RunOptions
    from sync.engine import run_plan
    from sync.planbook import find_plan, records
    from sync.planfile import save_plan

    with run_deps(config) as deps:
        report = run_plan(deps, RunOptions(**options))
        if report.plan is None:
            return report_answer(report)
        made = find_plan(deps.store, report.plan.plan_id)
        if out is not None:
            save_plan(deps.store, made, out)
        page = plan_page(deps.store, records(deps.store, made), PLAN_ROWS["json" if as_json else "terminal"])
    data: dict[str, Any] = report.to_dict()
    data["plan"] |= page
    code = 4 if exit_code and data["plan"]["changes"] and report.exit_code in (0, 3) else report.exit_code
    return Answer(data, lambda shown: show_planned(shown, data), code)


@verb(app, options=(run_opt.guards, run_opt.agreeing), example="keepwell apply plan.json")
def apply(plan: opt.PlanId, config: Path, no_input: bool, options: dict[str, Any]) -> Answer:
    """Write a plan exactly as it was shown."""
    from sync.deps import RunOptions
    from sync.engine import run_apply
    from sync.planfile import load_plan
    from sync.telling import tell_after

    with run_deps(config, asking=not no_input) as deps:
        plan_id = load_plan(deps.store, Path(plan)) if Path(plan).is_file() else plan
        return report_answer(tell_after(deps, lambda: run_apply(deps, plan_id, RunOptions(**options))))


@verb(app, options=(run_opt.days,), example="keepwell backfill companies hubspot:deals --since 2026-01-01")
def backfill(streams: opt.Streams, config: Path, options: dict[str, Any]) -> Answer:
    """Read a range of dates again, behind the schedule."""
    from sync.backfill import BackfillOptions
    from sync.engine import run_backfill

    with run_deps(config, behind=True) as deps:
        return report_answer(run_backfill(deps, BackfillOptions(streams, **options)))


@verb(app, example="keepwell explain acme.com --as-of 2026-06-30")
def explain(account: opt.Account, config: Path, as_of: opt.AsOf = None, verbose: opt.Verbose = False) -> Answer:
    """Show the rules and values behind an account."""
    from dashboard.explanation import show_explanation
    from sync.explain import explain_account

    with run_deps(config, create=False) as deps:
        data = explain_account(deps, account, as_of)
    return Answer(data, lambda out: show_explanation(out, data, verbose=verbose))


@verb(app, example="keepwell doctor --config other.yaml")
def doctor(config: Path) -> Answer:
    """Try every part, say what to do about findings."""
    from dashboard.terminal import show_checks
    from sync.doctor import doctor as examine

    found = examine(read_settings(config))
    checks = [{key: teller.redact(text) for key, text in asdict(check).items()} for check in found.checks]
    return Answer({"checks": checks, "ok": not found.exit_code}, lambda out: show_checks(out, checks), found.exit_code)


@verb(fields_app, "plan", example="keepwell fields plan")
def fields_plan(config: Path) -> Answer:
    """Compare the properties with what each CRM has."""
    from dashboard.terminal import fields_answer
    from sync import fields

    with run_deps(config) as deps:
        return fields_answer(fields.fields_plan(deps))


@verb(fields_app, "apply", example="keepwell fields apply")
def fields_apply(config: Path) -> Answer:
    """Create the properties that are missing."""
    from dashboard.terminal import fields_answer
    from sync import fields

    with run_deps(config) as deps:
        return fields_answer(fields.fields_apply(deps))


@verb(fields_app, "export", example="keepwell fields export --out package")
def fields_export(config: Path, out: opt.ExportOut = None, form: opt.ExportFormat = None) -> Answer:
    """Define the properties for an administrator."""
    from dashboard.terminal import definitions_answer
    from sync import fields

    with run_deps(config) as deps:
        return definitions_answer(fields.fields_export(deps, out, form))


@verb(app, example="keepwell status --max-age 26h")
def status(config: Path, max_age: opt.MaxAge = None, complete: opt.OnlyComplete = False) -> Answer:
    """Say when the last good run ended (a probe)."""
    from dashboard.pages import last_good_run, reading

    with reading(read_settings(config)) as store:
        data = last_good_run(store, max_age, complete=complete)
    return say(data, data["text"], 0 if data["fresh"] else 1)


@verb(db_app, "upgrade", example="keepwell db upgrade")
def db_upgrade(config: Path) -> Answer:
    """Create the store, or bring it to the schema of this program."""
    from store import upgrade

    revision = upgrade(read_settings(config).store)
    return say({"revision": revision}, f"The store is at revision {revision}.")


@verb(db_app, "current", example="keepwell db current")
def db_current(config: Path) -> Answer:
    """Show the revision of the store's schema."""
    from store import current

    revision = current(read_settings(config).store)
    return say({"revision": revision}, f"Revision {revision}." if revision else "No store yet: `keepwell db upgrade`.")


@verb(db_app, "check", example="keepwell db check")
def db_check(config: Path) -> Answer:
    """Check the store's schema, its integrity and its audit chain."""
    from store import check

    findings = check(read_settings(config).store)
    text = "\n".join(findings) or "The store is sound."
    return say({"findings": findings, "ok": not findings}, text, 1 if findings else 0)


@verb(config_app, "schema", example="keepwell config schema > keepwell.schema.json")
def config_schema() -> Answer:
    """Print the JSON Schema of the configuration file, for editors."""
    from config.describe import json_schema

    data = json_schema()
    return say(data, json.dumps(data, indent=2))


@verb(config_app, "check", example="keepwell config check")
def config_check(config: Path) -> Answer:
    """Check everything; show what counts and its origin.

    The framework and the field maps are checked too; secrets are masked.
    """
    from config.describe import checked
    from dashboard.terminal import show_settings

    data = checked(read_settings(config))
    return Answer(data, lambda out: show_settings(out, data))


@verb(config_app, "hash-password", example="keepwell config hash-password")
def config_hash_password() -> Answer:
    """Make the hash of a password, for `dashboard.users`.

    Asks for it without showing it; where stdin is no terminal, reads its first line.
    """
    from dashboard.web.access import hash_password

    password = opt.new_password()
    hashed = hash_password(password)
    return say({"password_hash": hashed}, hashed)


@verb(app, options=(opt.first_file,), example="keepwell init --no-salesforce --timezone Europe/Copenhagen")
def init(config: Path, no_input: bool, options: dict[str, Any], force: opt.Force = False) -> Answer:
    """Write a commented configuration file."""
    from dashboard.first_steps import begin

    return begin(config, options, ask=not no_input and sys.stdin.isatty(), force=force)


@verb(app, options=(opt.ports,), example="keepwell sandbox --write-config keepwell.yaml")
def sandbox(
    *, options: dict[str, Any], as_json: bool, accounts: opt.Accounts = 200, seed: opt.Seed = 7, days: opt.Days = 0,
    write_config: opt.WriteConfig = None, force: opt.Force = False,
) -> Answer:  # fmt: skip
    """Serve a local HubSpot and Salesforce, and Gainsight if wanted."""
    from dashboard.first_steps import serve_sandbox
    from sandbox.serve import Portfolio, running

    serve_sandbox(
        running(Portfolio(accounts, seed, days=days), **options), config=write_config, force=force, as_json=as_json
    )
    raise typer.Exit


@verb(app, example="keepwell demo --accounts 50 --keep demo")
def demo(
    *, as_json: bool, accounts: opt.Accounts = 200, seed: opt.Seed = 7, keep: opt.Keep = None,
    framework: opt.Framework = opt.DEFAULT_FRAMEWORK, with_gainsight: opt.WithGainsight = False,
    to_serve: opt.Serve = False,
) -> Answer:  # fmt: skip
    """Show the whole job on two local CRMs."""
    from config.frameworks import load_framework_file
    from dashboard.demo import Tour, next_steps, only_the_file, tour, tour_home
    from dashboard.localcrm import local_crms
    from dashboard.terminal import console

    load_framework_file(framework)  # a mistake is said before anything is started
    with (
        only_the_file(os.environ),
        tour_home(keep) as home,
        local_crms(accounts, seed, home, with_gainsight=with_gainsight) as crms,
    ):
        plan = Tour(home, framework, lambda path: dict(fields_apply(path).data), _listed, _sync_data)
        out = console(stderr=as_json)
        data = tour(out, crms, plan)
        if not data["exit_code"]:
            out.print(next_steps(keep, serving=to_serve), soft_wrap=True)
            if to_serve:
                settings = read_settings(home / "keepwell.yaml")
                serve.serve_until_stopped(settings, "127.0.0.1", 0, partial(_announce_tour, data, as_json=as_json))
                raise typer.Exit
    return Answer(data | {"url": None}, lambda _out: None, data["exit_code"])


def _announce_tour(data: Mapping[str, Any], url: str, *, as_json: bool) -> None:
    typer.echo(json.dumps({**data, "url": url}) if as_json else f"The dashboard is at {url}. Stop with Ctrl-C.")


def _listed(config: Path, out: Path) -> Path:
    fields_export(config, out)
    return out / "gainsight" / "fields.csv"


def _sync_data(config: Path) -> dict[str, Any]:
    return dict(sync(config, {}).data) | {"conflicts": conflicts.conflicts_list(config).data["conflicts"]}


app.registered_commands.sort(key=lambda one: [*IN_ORDER, one.name].index(one.name))


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error happened.")] = False,
    log_format: opt.LogFormat = None,
) -> None:
    teller.log_format = log_format
    teller.debug = debug or os.environ.get("KEEPWELL_DEBUG", "") not in ("", "0")
    if version:
        typer.echo(f"keepwell {program_version()}")
        raise typer.Exit


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the console script; SIGTERM ends it like Ctrl-C, so that nothing it started is left behind."""
    signal.signal(signal.SIGTERM, _interrupt)
    process.open_streams()
    process.tune()
    app()


if __name__ == "__main__":
    main()
