"""A framework's rules as a page for whoever runs customer success: Markdown, without code to read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.errors import ConfigFileError, Problem
from dashboard.carried import norm
from dashboard.kpis import PERIODS, target
from dashboard.text import so_many
from mapping.framework import Framework
from mapping.framework.errors import Path as KeyPath
from mapping.framework.spec import Cadence, Metric, Role, RuleSpec
from mapping.framework.structure import RENEWAL_STATUSES
from mapping.framework.tree import tree
from mapping.health import metric_plans
from mapping.kpis.catalogue import CATALOGUE
from mapping.kpis.tally import made_of
from mapping.outputs import STATUS_LABELS
from mapping.wording import wording

BEGIN = "<!-- generated: keepwell framework docs {} -->"
END = "<!-- end of the generated part -->"
_WRITTEN = re.compile(f"{re.escape(BEGIN).replace(re.escape('{}'), '[^>]*')}.*?{re.escape(END)}\n?", re.DOTALL)
_ACTIVE = re.compile(r"([\\`*_{}\[\]#|!~])")
_MISSING = {
    "reweight": "the others of its component count for it",
    "alone": "the other components count for it",
    "neutral": "counts as 50 points, and as not known",
    "zero": "counts as 0 points, and as not known",
}
_AUDIENCES = {"customer": "the customer", "internal": "us"}
Section = tuple[str, Callable[["Handbook"], Iterator[str]]]


class Handbook:
    """Writes the sections; what a framework does not have gives none."""

    def __init__(self, framework: Framework) -> None:
        self.framework = framework
        self.spec = framework.spec
        self._words = wording(framework)

    def rules(self) -> str:
        """Every rule, from `BEGIN` to `END`."""
        lines = [BEGIN.format(self.framework.name)]
        for title, write in SECTIONS:
            if found := list(write(self)):
                lines += ["", f"### {title}", "", *found]
        return "\n".join([*lines, "", END]) + "\n"

    def page(self) -> str:
        """A page that has nothing but them."""
        head = f"# {escaped(self.spec.title)}\n"
        about = f"\n{escaped(self.spec.description)}\n" if self.spec.description else ""
        return f"{head}{about}\n## Every rule\n\n{self.rules()}"

    def within(self, page: str) -> str | None:
        """`page` with the rules as they are now in place of those that were written into it; None without any."""
        return _WRITTEN.sub(lambda _old: self.rules(), page, count=1) if _WRITTEN.search(page) else None

    def stages(self) -> Iterator[str]:
        yield "The first that holds, from the top, is the stage."
        yield ""
        rows = []
        for index, stage in enumerate(self.spec.stages):
            since = self._value(("stages", index, "entered_on")) if stage.entered_on else ""
            about = "" if stage.tenure else "<br>It is no stage by tenure."
            rows.append((escaped(stage.label or stage.id), self._rule(("stages",), index, about), since,
                         escaped(stage.meaning)))  # fmt: skip
        yield from table(("stage", "holds when", "since", "meaning"), rows)

    def overlays(self) -> Iterator[str]:
        yield from self._list("mark", ("overlays",), self.spec.overlays)

    def segments(self) -> Iterator[str]:
        yield "In each of them, the first that holds."
        for index, item in enumerate(self.spec.segments):
            yield ""
            yield from self._list(code(item.dimension), ("segments", index, "rules"), item.rules)

    def health(self) -> Iterator[str]:
        score = self.spec.score
        rows = []
        plans = iter(metric_plans(self.framework))
        for c, component in enumerate(score.components):
            for m, metric in enumerate(component.metrics):
                path: KeyPath = ("score", "components", c, "metrics", m)
                share = f"{100 * next(plans).share:.3g} %"
                rows.append((escaped(component.label) if m == 0 else "", escaped(metric.label), share,
                             self._value((*path, "value")), _curve(metric),
                             self._gaps(path, metric, alone=len(component.metrics) == 1)))  # fmt: skip
        columns = ("component", "metric", "of the score", "what is measured", "worth in points", "when it is missing")
        yield from table(columns, rows, right=("of the score",))
        yield ""
        least = f"{100 * score.min_coverage:g} %"
        yield f"Where less than {least} of the weight is known there is no score, and the band is *unknown*."
        places = so_many(score.decimals, "decimal")
        yield f"The score is rounded half-up to {places}; the band is read from the rounded number."
        trend = score.trend
        yield f"The trend compares with the score {trend.days} days ago ({trend.from_} to {trend.to}):"
        yield f"*improving* from {trend.improving:+g} points, *declining* from {trend.declining:+g}."

    def bands(self) -> Iterator[str]:
        bands = self.spec.score.bands
        tops = ["100", *(f"below {band.min:g}" for band in bands)]
        rows = [(escaped(band.label or band.id), f"{band.min:g}", top, escaped(band.meaning))
                for band, top in zip(bands, tops, strict=False)]  # fmt: skip
        yield from table(("band", "from", "to", "meaning"), rows, right=("from", "to"))

    def renewal(self) -> Iterator[str]:
        spec = self.spec.renewal
        yield from table(("number", "is"), [
            ("the end is near", f"{spec.window_days} days before it"),
            ("a renewal should have been started", f"{spec.start_days} days before it"),
            ("a contract that nobody renewed counts as lost", f"more than {spec.grace_days} days after its end"),
            ("a renewal is flat", f"from {_percent(spec.flat[0])} to {_percent(spec.flat[1])} of the contract"),
            ("a deal without a contract belongs to one that ends",
             f"up to {spec.deal_window.before} days after it closes, or {spec.deal_window.after} before"),
            ("a successor starts", f"up to {spec.successor_days} days after the end"),
            ("health is a risk in the bands", escaped(", ".join(spec.red_bands)) or "none"),
            ("contracts do not count with the status", escaped(", ".join(spec.unsigned)) or "none"),
        ])  # fmt: skip
        yield ""
        rows = [(code(name), escaped(spec.labels.get(name, STATUS_LABELS[name]))) for name in RENEWAL_STATUSES]
        yield from table(("status", "shown in the CRM as"), rows)
        if spec.phases:
            yield ""
            yield from self._list("phase", ("renewal", "phases"), spec.phases)

    def cadences(self) -> Iterator[str]:
        rows = []
        for index, item in enumerate(self.spec.cadences):
            path: KeyPath = ("cadences", index)
            counts = [f"type {escaped(one)}" for one in item.types] + [
                f"title with {escaped(one)}" for one in item.titles
            ]
            rows.append((escaped(item.label), self._rule(("cadences",), index, always="everybody"),
                         self._due(path, item), ", ".join(counts)))  # fmt: skip
        yield from table(("touch", "for", "due", "meetings that count"), rows)

    def escalation(self) -> Iterator[str]:
        rows = []
        for index, level in enumerate(self.spec.escalation.levels if self.spec.escalation else ()):
            when = self._rule(("escalation", "levels"), index) if level.when else ""
            listed = escaped(", ".join(one.replace("_", " ") for one in level.categories))
            rows.append((escaped(level.id), escaped(level.label), listed, when))
        yield from table(("level", "who", "ticket categories", "or the account"), rows)

    def alerts(self) -> Iterator[str]:
        rows = []
        for index, alert in enumerate(self.spec.alerts):
            limit = f"{alert.sla_hours} hours" if alert.sla_hours else ""
            rows.append((escaped(alert.label or alert.id), self._rule(("alerts",), index), escaped(alert.owner), limit))
        yield from table(("alert", "holds when", "goes to", "to be answered within"), rows)

    def milestones(self) -> Iterator[str]:
        if self.spec.milestones_start is not None:
            yield f"Recommended days count from {self._value(('milestones_start',))}."
            yield ""
        rows = []
        for one in self.spec.milestones:
            due = "" if one.recommended_days is None else f"{one.recommended_days} days"
            stage = escaped(str(self._words.label("lifecycle_stage", one.stage) or ""))
            rows.append((escaped(one.label), stage, code(one.key), due, escaped(one.owner), escaped(one.meaning)))
        yield from table(("milestone", "of the stage", "key", "due within", "who", "meaning"), rows)

    def checklists(self) -> Iterator[str]:
        labels = {one.key: one.label for one in self.spec.milestones}
        rows = [(escaped(one.label), code(one.key), escaped(", ".join(labels.get(key, key) for key in one.serves)),
                 _AUDIENCES[one.audience], escaped(one.owner), escaped(one.meaning))
                for one in self.spec.checklists]  # fmt: skip
        yield from table(("checklist", "key", "of the milestones", "for", "who", "meaning"), rows)

    def kpis(self) -> Iterator[str]:
        rows = []
        for index, entry in enumerate(self.spec.kpis):
            kpi = CATALOGUE[entry.id]
            aim = {"unit": kpi.unit, "target": entry.target and entry.target.model_dump()}
            over = "" if kpi.of_the_moment else PERIODS[entry.period or kpi.period]
            where = self._value(("kpis", index, "where"), condition=True) if entry.where else ""
            rows.append((escaped(entry.label or kpi.label), code(entry.key), escaped(target(aim, {"currency": None})),
                         escaped(made_of(entry)), over, where))  # fmt: skip
        yield from table(("KPI", "name", "target", "made of", "over", "only accounts where"), rows)

    def capacity(self) -> Iterator[str]:
        rows = []
        for role in self.spec.capacity:
            segment = "all" if role.segment is None else escaped(str(self._words.label("segment", role.segment)))
            owners = escaped(", ".join(role.owners or ())) or _who(role)
            norms = ("" if one is None else escaped(norm(one.min, one.max)) for one in (role.accounts, role.arr))
            rows.append((escaped(role.label or role.id), segment, *norms, owners))
        yield from table(("role", "segment", "accounts", "ARR", "who"), rows)

    def parameters(self) -> Iterator[str]:
        rows = [(code(name), escaped(_shown(value))) for name, value in self.spec.parameters.items()]
        yield from table(("name", "value"), rows)

    def facts(self) -> Iterator[str]:
        rows = []
        for name, fact in self.spec.facts.items():
            where = self._value(("facts", name, "where"), condition=True) if fact.where else ""
            empty = "" if fact.from_ is None else "0" if fact.empty == "zero" else "not known"
            rows.append((code(name), self._value(("facts", name, "value")), fact.from_ or "", where, empty))
        yield from table(("name", "value", "of", "of those where", "when there is none"), rows)

    def _list(self, title: str, path: KeyPath, rules: Sequence[RuleSpec]) -> Iterator[str]:
        rows = [(escaped(rule.label or rule.id), self._rule(path, index), escaped(rule.meaning))
                for index, rule in enumerate(rules)]  # fmt: skip
        yield from table((title, "holds when", "meaning"), rows)

    def _rule(self, path: KeyPath, index: int, about: str = "", always: str = "everything else") -> str:
        said = self._value((*path, index, "when"), condition=True)
        return (always if said == "everything else" else said) + about

    def _value(self, path: KeyPath, *, condition: bool = False) -> str:
        """An expression in plain words where it has some, and as it stands in the file."""
        checked = self.framework.at(*path)
        node = tree(checked.expr)
        said = self._words.say(node) if condition else self._words.value(node)
        if said == "everything else" or (said and node.op in ("column", "constant") and not condition):
            return escaped(said) if condition else code(checked.sql)
        return f"{escaped(said)}<br>{code(checked.sql)}" if said else code(checked.sql)

    def _due(self, path: KeyPath, item: Cadence) -> str:
        length = item.every or item.within
        months, days = (length.months, length.days) if length else (0, 0)
        parts = [so_many(number, unit) for number, unit in ((months, "month"), (days, "day"))
                 if number]  # fmt: skip
        word = "every" if item.every else "once, within"
        until = f"<br>until {self._value((*path, 'until'))}" if item.until else ""
        return f"{word} {' and '.join(parts)} from {self._value((*path, 'anchor'))}{until}"

    def _gaps(self, path: KeyPath, metric: Metric, *, alone: bool) -> str:
        policy = "alone" if alone and metric.missing == "reweight" else metric.missing
        said = [_MISSING[policy] if isinstance(policy, str) else f"an old value counts for {policy.carry_forward} days"]
        if metric.zero_when is not None:
            said.append(f"counts as the value 0 when {self._value((*path, 'zero_when'), condition=True)}")
        if metric.fresh is not None:
            said.append(f"missing when {code(metric.fresh.column)} is more than {metric.fresh.days} days ago")
        return "<br>".join(said)


SECTIONS: tuple[Section, ...] = (
    ("Stages", Handbook.stages),
    ("Marks", Handbook.overlays),
    ("Segments", Handbook.segments),
    ("Health score", Handbook.health),
    ("Bands", Handbook.bands),
    ("Renewal", Handbook.renewal),
    ("Touches", Handbook.cadences),
    ("Escalation", Handbook.escalation),
    ("Alerts", Handbook.alerts),
    ("Milestones", Handbook.milestones),
    ("Checklists", Handbook.checklists),
    ("KPIs", Handbook.kpis),
    ("What one person carries", Handbook.capacity),
    ("Parameters", Handbook.parameters),
    ("Facts", Handbook.facts),
)
"""Title of each section and what writes it; a key of the format that has no section is not on the page."""


def save_page(book: Handbook, path: Path) -> None:
    """Write the page, or the rules alone into a file that has such; raises `ConfigFileError` where that cannot be."""
    with writing(path):
        page = book.within(path.read_text(encoding="utf-8")) if path.exists() else book.page()
        if page is None:
            hint = f"Name a new file, or put two lines where the rules should stand: {BEGIN.format('…')} and {END}"
            raise ConfigFileError([Problem(str(path), None, "", "has no rules that this command wrote.", hint)])
        path.write_text(page, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what keeps a page from being read or written into `ConfigFileError`."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigFileError([Problem(str(path), None, "", f"cannot be written: {said}.")]) from None


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[str] = ()) -> Iterator[str]:
    """A Markdown table; columns in which nothing stands are left out, and a table without rows is nothing."""
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    if not kept:
        return
    yield f"| {' | '.join(columns[index] for index in kept)} |"
    yield f"|{'|'.join('---:' if columns[index] in set(right) else '---' for index in kept)}|"
    for row in rows:
        yield f"| {' | '.join(row[index] for index in kept)} |"


def escaped(text: str) -> str:
    """Text as Markdown shows it, whatever characters it has; on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ACTIVE.sub(r"\\\1", flat)


def code(text: str) -> str:
    """An expression as code inside of a table."""
    flat = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    return f"{fence}{flat}{fence}" if fence == "`" else f"{fence} {flat} {fence}"


def _who(role: Role) -> str:
    if role.owners is not None:
        return "nobody yet"
    if role.segment is not None:
        return "everybody who has most accounts there"
    return "every executive sponsor" if role.by == "sponsor" else "everybody"


def _curve(metric: Metric) -> str:
    if metric.points is not None:
        return ", ".join(f"{escaped(text)} → {points:g}" for text, points in metric.points.items())
    shown = _percent if metric.format == "percent" else "{:g}".format
    return ", ".join(f"{shown(x)} → {points:g}" for x, points in metric.curve or ())


def _percent(share: float) -> str:
    return f"{round(100 * share, 6):g} %"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
