"""Why a property has its value, in one sentence for the plan, the ledger and the person who reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import polars as pl

from mapping.details import RENEWAL_RULES, json_value
from mapping.engine import Evaluation
from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.spec import RuleSpec
from mapping.framework.tree import tree
from mapping.framework.words import EVERYTHING_ELSE, Words, unlabelled
from mapping.records import MEASURE
from mapping.wording import wording
from sync.columns import each

LONGEST = 240
TOLD: Mapping[str, str] = {
    "change": "score_change",
    "compared_with": "·scored_then_at",
    "renewal_rule": "·rule",
    "days_to_end": "days_to_end",
    "arr": "arr",
    "acv": "acv",
    "currency": "currency",
}
"""What is kept of an evaluation for reasons and KPIs besides the values, and the computed column that has it."""
Values = Mapping[str, str | None]


class Sentences:
    """What a framework calls its values and what its rules say in words; each is made once, when first asked for."""

    def __init__(self, framework: Framework) -> None:
        self.framework = framework
        self._rules: dict[tuple[Path, str | None], str] = {}

    @cached_property
    def _words(self) -> Words:
        return wording(self.framework)

    def label(self, column: str, value: str) -> str:
        """What a value of a column is called."""
        return str(self._words.label(column, value))

    def matched(self, path: Path, rules: Sequence[RuleSpec], found: str | None) -> str:
        """The rule of a list that gave `found`: its label, and what it says, as an expression where no words do."""
        key = (path, found)
        if key not in self._rules:
            index = next((index for index, one in enumerate(rules) if one.id == found), None)
            self._rules[key] = "no rule matches" if index is None else self._rule(path, index, rules[index])
        return self._rules[key]

    def _rule(self, path: Path, index: int, rule: RuleSpec) -> str:
        said = self._words.say(tree(self.framework.at(*path, index, "when").expr)) or rule.when
        if said == EVERYTHING_ELSE:
            said = "no other rule holds" if index else "holds for every account"
        return f"{rule.label or unlabelled(rule.id)}: {said}"


class Reasons:
    """The reasons behind one account's values, out of a stored evaluation; each is made when somebody asks."""

    def __init__(self, outputs: Mapping[str, Any], sentences: Sentences) -> None:
        """`outputs` is the document of an evaluation that was made with the framework of `sentences`."""
        self._values: Values = outputs["values"]
        self._told: Mapping[str, Any] = outputs.get("told", {})
        # Evaluations from before schema 0012 hold the sentences themselves.
        self._written: Mapping[str, str] = outputs.get("because", {})
        self._sentences, self._framework = sentences, sentences.framework

    def of(self, field: str) -> str:
        """Why a field has its value; empty where that is not known."""
        if field in self._written:
            return self._written[field]
        make = Reasons.score if field.startswith(MEASURE) else _REASONS.get(field)
        return "" if make is None or not self._told else make(self)[:LONGEST]

    def score(self) -> str:
        coverage = self._values.get("health_coverage")
        known = f"{coverage}% of the model is known" if coverage is not None else "nothing is known"
        return f"{self._values.get('health_reasons') or 'no losses'} ({known})"

    def trend(self) -> str:
        if self._told["change"] is None:
            return "no score to compare with yet"
        return f"score changed by {self._told['change']:+g} since {self._told['compared_with']}"

    def stage(self) -> str:
        return self._sentences.matched(("stages",), self._framework.spec.stages, self._values.get("lifecycle_stage"))

    def tenure(self) -> str:
        return self._sentences.matched(("stages",), self._framework.spec.stages, self._values.get("tenure_stage"))

    def segment(self) -> str:
        for index, one in enumerate(self._framework.spec.segments):
            if one.dimension == "segment":
                return self._sentences.matched(("segments", index, "rules"), one.rules, self._values.get("segment"))
        return "no rule matches"

    def renewal(self) -> str:
        return RENEWAL_RULES[self._told["renewal_rule"] or 0]

    def phase(self) -> str:
        return f"days to the end of the contract: {_shown(self._told['days_to_end'])}"

    def touch(self) -> str:
        kind = self._values.get("next_touch_type")
        if not kind:
            return "no touch is due"
        return f"{self._sentences.label('next_touch_type', kind)} is due on {self._values.get('next_touch_due_on')}"

    def level(self) -> str:
        level = self._values.get("escalation_level")
        if not level:
            return "no open ticket and no rule asks for a level"
        return f"{self._sentences.label('escalation_level', level)} has to look at the account"

    def model(self) -> str:
        return f"framework {self._framework.name}, version {self._framework.version}"


_REASONS: Mapping[str, Callable[[Reasons], str]] = {
    **dict.fromkeys(("health_score", "health_band", "health_coverage", "health_reasons"), Reasons.score),
    "health_trend": Reasons.trend,
    **dict.fromkeys(("lifecycle_stage", "stage_entered_on"), Reasons.stage),
    "tenure_stage": Reasons.tenure,
    "segment": Reasons.segment,
    **dict.fromkeys(("renewal_status", "renewal_sub_status"), Reasons.renewal),
    "renewal_phase": Reasons.phase,
    **dict.fromkeys(("next_touch_type", "next_touch_due_on"), Reasons.touch),
    "escalation_level": Reasons.level,
    **dict.fromkeys(("framework", "model_version"), Reasons.model),
    "scored_at": lambda _: "another value changed",
}


def alert_reasons(evaluation: Evaluation, alert: str, account_ids: Sequence[str]) -> dict[str, str]:
    """Account id → what the condition of an alert saw of it."""
    names = evaluation.seen_by(alert)
    wanted = [*names, *(one for name in names for one in _BEHIND.get(name, ()))]
    rows = evaluation.columns(*dict.fromkeys(wanted)).filter(pl.col("account_id").is_in(list(account_ids)))
    parts = [_part(rows, name) for name in names]
    said = rows.select("account_id", text=pl.concat_str(*parts, separator="; ") if parts else pl.lit(""))
    return {account_id: text[:LONGEST] for account_id, text in said.iter_rows()}


_BEHIND: Mapping[str, tuple[str, str]] = {
    "band_fell": ("previous_band", "health_band"),
    "touch_overdue": ("next_touch_type", "next_touch_due_on"),
}
"""What stands behind a column that only says yes or no."""


def _part(rows: pl.DataFrame, name: str) -> pl.Series:
    def shown(column: str) -> pl.Series:
        return each(rows.get_column(column), lambda value: _shown(json_value(value)))

    if name in _BEHIND:
        first, second = (shown(column) for column in _BEHIND[name])
        if name == "band_fell":
            said = pl.format("health fell from {} to {}", first, second)
        else:
            nothing = rows.get_column(_BEHIND[name][0]).is_null()
            said = (
                pl.when(nothing).then(pl.lit("no touch is due")).otherwise(pl.format("{} is due on {}", first, second))
            )
        return rows.select(said.alias(name)).to_series()
    return each(rows.get_column(name), lambda value: _input(name, json_value(value)))


def _input(name: str, value: object) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"not {words}"
    return f"{words}: {_shown(value)}"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
