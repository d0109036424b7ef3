"""An explanation with what its rules and values are called, for people who know no ids and read no expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mapping.framework import Framework
from mapping.framework.columns import CLOCK
from mapping.framework.errors import Path
from mapping.framework.spec import RuleSpec
from mapping.framework.tree import COMPARISONS, Node, tree
from mapping.framework.words import EVERYTHING_ELSE, Words, named, subject, unlabelled
from mapping.wording import wording

Json = dict[str, Any]
EVERYBODY = "every account"


def spoken(detail: Mapping[str, Any], framework: Framework) -> Json:
    """`detail` (one of `Evaluation.details`) with labels and words beside its ids and expressions.

    A rule gets its `label`, what it `says` (null where its condition has no words), and what it `saw`: name and value
    of each column of its condition, except for the clock and for numbers that the words have already. Marks are
    listed under `marks`; the stage says what it `ends_when`, and what it `waits_for`: names of what the rules looked at
    and is not known; cadences get their labels; what is an id elsewhere gets a `label` beside it.
    """
    return _Speaker(framework).explanation(detail)


class _Speaker:
    """Knows the words of one framework."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._spec = framework.spec
        self._words: Words = wording(framework)

    def explanation(self, detail: Mapping[str, Any]) -> Json:
        life, renewal, touch = detail["lifecycle"], detail["renewal"], detail["next_touch"]
        escalation, label = detail["escalation"], self._words.label
        return {
            **detail,
            "lifecycle": {
                **life,
                "label": label("lifecycle_stage", life["stage"]),
                "next_label": label("lifecycle_stage", life["next_stage"]),
                "rules": list(self._rules(("stages",), self._spec.stages, life["rules"])),
                "ends_when": self._ends_when(life["rules"]),
                "waits_for": list(dict.fromkeys(
                    subject(name) for rule in life["rules"] for name in rule["unknown"] if self._tells(name)
                )),
            },
            "segments": {item.dimension: self._segment(index, detail["segments"][item.dimension])
                         for index, item in enumerate(self._spec.segments)},
            "marks": list(self._marks(detail["overlays"])),
            "renewal": {
                **renewal,
                "label": label("renewal_status", renewal["status"]),
                "terms": [{**term, "label": label("renewal_status", term["status"])}
                          for term in renewal["terms"]],
            },
            "cadences": [{**one, "label": label("next_touch_type", one["id"])} for one in detail["cadences"]],
            "next_touch": {**touch, "label": label("next_touch_type", touch["type"])},
            "escalation": {**escalation, "label": label("escalation_level", escalation["level"])},
        }  # fmt: skip

    def _segment(self, index: int, found: Mapping[str, Any]) -> Json:
        dimension = self._spec.segments[index]
        return {
            **found,
            "label": self._words.label(dimension.dimension, found["segment"]),
            "rules": list(self._rules(("segments", index, "rules"), dimension.rules, found["rules"])),
        }

    def _marks(self, overlays: Mapping[str, bool]) -> Iterator[Json]:
        for index, one in enumerate(self._spec.overlays):
            said = self._said(("overlays", index, "when"))
            yield {"id": one.id, "label": one.label or unlabelled(one.id), "holds": overlays[one.id], "says": said}

    def _rules(self, path: Path, specs: Sequence[RuleSpec], rules: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
        """The rules that were looked at are the first ones of the framework's list."""
        for index, (spec, rule) in enumerate(zip(specs, rules, strict=False)):
            said = self._said((*path, index, "when"))
            yield {
                **rule,
                "label": spec.label or unlabelled(rule["id"]),
                "says": EVERYBODY if index == 0 and said == EVERYTHING_ELSE else said,
                "saw": [{"name": named(name), "value": self._words.label(name, value)}
                        for name, value in rule["inputs"].items() if self._tells(name)],
            }  # fmt: skip

    def _ends_when(self, rules: Sequence[Mapping[str, Any]]) -> str | None:
        """What has to happen for the stage to end, where its rule is one comparison that time alone does not change."""
        if not rules or not rules[-1]["matched"]:
            return None
        node = tree(self._framework.at("stages", len(rules) - 1, "when").expr)
        by_itself = any(name in self._words.dates or name.startswith("days_") for name in node.columns)
        if node.op not in COMPARISONS or by_itself:
            return None
        return self._words.say(Node("not", (node,)))

    def _said(self, path: Path) -> str | None:
        return self._words.say(tree(self._framework.at(*path).expr))

    def _tells(self, name: str) -> bool:
        return name not in CLOCK and name not in self._words.parameters
