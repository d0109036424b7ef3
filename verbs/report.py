"""Commands that say what the accounts in the store add up to.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard import report_options as opt
from dashboard.answers import Answer, group, say
from verbs.base import app, run_deps, verb

if TYPE_CHECKING:
    from rich.console import Console

    from mapping.framework import Framework
    from mapping.reports.document import Document

report_app = group("Health, usage, value, renewals, KPIs of all accounts.", app, "report")
Options = dict[str, Any]


@verb(
    report_app, "weekly-health", options=(opt.reported, opt.filed), example="keepwell report weekly-health --out w.html"
)
def report_weekly_health(config: Path, options: Options) -> Answer:
    """Show how health moved in a week, and who fell.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "weekly-health", options)


@verb(
    report_app, "monthly-usage", options=(opt.reported, opt.filed), example="keepwell report monthly-usage --out m.html"
)
def report_monthly_usage(config: Path, options: Options) -> Answer:
    """Show how much customers use the product, month by month.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "monthly-usage", options)


@verb(
    report_app, "quarterly-review", options=(opt.reported, opt.filed),
    example="keepwell report quarterly-review --as-of 2026-09-30 --out q3.html",
)  # fmt: skip
def report_quarterly_review(config: Path, options: Options) -> Answer:
    """Show targets, revenue, renewals and health over a quarter.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "quarterly-review", options)


@verb(
    report_app, "annual-value", options=(opt.reported, opt.filed), example="keepwell report annual-value --out a.html"
)
def report_annual_value(config: Path, options: Options) -> Answer:
    """Show what customers got in a year against what was agreed.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "annual-value", options)


@verb(
    report_app, "renewals", options=(opt.reported, opt.filed),
    example="keepwell report renewals --format csv --table calendar --out renewals.csv",
)  # fmt: skip
def report_renewals(config: Path, options: Options) -> Answer:
    """Show the renewals of the next twelve months, and a forecast.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "renewals", options)


@verb(
    report_app, "data-quality", options=(opt.reported, opt.filed),
    example="keepwell report data-quality --format csv --table lacking",
)  # fmt: skip
def report_data_quality(config: Path, options: Options) -> Answer:
    """Show what the scores do not know, and what the CRM lacks.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    return _periodic(config, "data-quality", options)


@verb(report_app, "kpis", options=(opt.reported, opt.filed), example="keepwell report kpis --accounts nrr")
def report_kpis(config: Path, options: Options, accounts: opt.KpiName = None) -> Answer:
    """Compute the KPIs of the framework against their targets.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    from dashboard.kpis import kpis_csv, kpis_document, show_kpis
    from sync import kpis

    with run_deps(config, create=False) as deps:
        data = kpis.report_kpis(deps, framework=_other(options), as_of=options["as_of"], accounts=accounts)
    return _answer(
        data, lambda out: show_kpis(out, data), partial(kpis_document, data), partial(kpis_csv, data), options
    )


@verb(report_app, "capacity", options=(opt.reported, opt.filed), example="keepwell report capacity --as-of 2026-06-30")
def report_capacity(config: Path, options: Options) -> Answer:
    """Show how many accounts and how much revenue each owner carries.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    from dashboard.carried import capacity_document, show_capacity
    from dashboard.documents import table_csv
    from sync import capacity

    with run_deps(config, create=False) as deps:
        data = capacity.report_capacity(deps, framework=_other(options), as_of=options["as_of"])
    document = capacity_document(data)
    csv = partial(table_csv, document, "owners")
    return _answer(data, lambda out: show_capacity(out, data), lambda: document, csv, options)


@verb(report_app, "strategic", options=(opt.reported, opt.filed), example="keepwell report strategic --share 10%")
def report_strategic(config: Path, options: Options, share: opt.CandidateShare = "20%") -> Answer:
    """Suggest which accounts to mark as strategic: those with most revenue.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    from fractions import Fraction

    from dashboard.strategic import show_strategic, strategic_csv, strategic_document
    from sync import strategic

    with run_deps(config, create=False) as deps:
        data = strategic.report_strategic(
            deps, share=Fraction(str(share)), framework=_other(options), as_of=options["as_of"]
        )
    document, csv = partial(strategic_document, data), partial(strategic_csv, data)
    return _answer(data, lambda out: show_strategic(out, data), document, csv, options)


def _periodic(config: Path, name: str, options: Options) -> Answer:
    from dashboard.documents import figures_csv, show_document
    from sync.periodic import report_periodic

    with run_deps(config, create=False) as deps:
        found = report_periodic(deps, name, framework=_other(options), as_of=options["as_of"])
    return _answer(
        found.as_dict(), lambda out: show_document(out, found), lambda: found, partial(figures_csv, found), options
    )


def _other(options: Options) -> "Framework | None":
    """The framework to report by instead of the one in force."""
    from config.frameworks import load_framework_file

    return None if options["framework"] is None else load_framework_file(options["framework"])


def _answer(
    data: Mapping[str, Any], show: "Callable[[Console], None]", document: "Callable[[], Document]",
    csv: Callable[[], str], options: Options,
) -> Answer:  # fmt: skip
    """The answer on the screen, or in another form there, or in a file and one line here."""
    place: Path | None = options["out"]
    form = _form(options["form"], place)
    if form is None:
        return Answer(data, show)
    text = _text(form, data, document, csv, options["table"])
    if place is None:
        return Answer(data, lambda out: _write(out, text))
    _save(place, text)
    return say(data, f"Written to {place}.")


def _form(asked: str | None, place: Path | None) -> str | None:
    from sync.errors import UsageError

    if asked is not None or place is None:
        return asked
    named = place.suffix.lower().removeprefix(".")
    if named in opt.FORMS:
        return named
    hint = f"Add --format {', '.join(opt.FORMS)}, or a name that ends so."
    raise UsageError(f"{place} does not say what kind of file it shall be.", hint=hint)


def _text(
    form: str, data: Mapping[str, Any], document: "Callable[[], Document]", csv: Callable[[], str], table: str | None
) -> str:
    from dashboard.documents import NoSuchTable, table_csv
    from dashboard.web.reportfile import report_html
    from sync.errors import UsageError

    if table is not None and form != "csv":
        raise UsageError("--table chooses what a CSV file holds.", hint="Add --format csv, or leave --table out.")
    if form == "html":
        return report_html(document())
    if form == "json":
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    try:
        return csv() if table is None else table_csv(document(), table)
    except NoSuchTable as error:
        raise UsageError(str(error), hint="Without --table the file has the figures.") from None


def _write(out: "Console", text: str) -> None:
    """Text as it is, whatever the width of the terminal."""
    out.file.write(text)


def _save(path: Path, text: str) -> None:
    from dashboard.tofile import save
    from sync.errors import UsageError

    try:
        save(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", hint="Choose another place.") from error
