"""What is stored column by column is what one would store account by account."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.frameworks import load_framework_file, shipped_frameworks
from mapping.canonical import canonical
from mapping.details import json_value
from mapping.engine import Evaluation, evaluate
from mapping.frames import AsOf
from mapping.kept import health_of
from mapping.outputs import output_fields
from mapping.records import STAMP_FIELD, FieldSpec
from store.types import PackedFrame, dump_json
from sync.because import LONGEST, TOLD, Reasons, Sentences, alert_reasons
from sync.documents import canonical_frame, canonical_rows, outputs, values_hashes
from tests.property.drawn import TODAY, made_up


@cache
def drawn(framework: str) -> Evaluation:
    return evaluate(made_up(5, 150), load_framework_file(framework), AsOf.end_of(TODAY, "Europe/Copenhagen"))


def written(evaluation: Evaluation) -> list[FieldSpec]:
    return [spec for spec in output_fields(evaluation.framework) if spec.writable]


def alone(evaluation: Evaluation, specs: list[FieldSpec]) -> Iterator[tuple[str, dict[str, str | None]]]:
    for row in evaluation.frame.iter_rows(named=True):
        cut = {
            spec.name: round(row[spec.name], spec.decimals) if isinstance(row[spec.name], float) else row[spec.name]
            for spec in specs
        }
        yield row["account_id"], {spec.name: canonical(spec, cut[spec.name]) for spec in specs}


def told(evaluation: Evaluation) -> pl.DataFrame:
    return evaluation.columns(*TOLD.values()).rename({column: name for name, column in TOLD.items()})


@pytest.mark.parametrize("framework", shipped_frameworks())
def test_values_hashes_and_documents(framework: str) -> None:
    evaluation = drawn(framework)
    specs = written(evaluation)
    expected = dict(alone(evaluation, specs))
    assert dict(canonical_rows(evaluation.frame, specs)) == expected
    values = canonical_frame(evaluation.frame, specs)
    hashes = dict(zip(expected, values_hashes(values), strict=True))
    documents = dict(zip(expected, outputs(values, told(evaluation)), strict=True))
    ingredients = {row["account_id"]: row for row in told(evaluation).iter_rows(named=True)}
    for account_id, own in expected.items():
        compared = {name: value for name, value in own.items() if name != STAMP_FIELD}
        assert hashes[account_id] == hashlib.blake2b(dump_json(compared).encode(), digest_size=16).hexdigest()
        besides = {name: json_value(ingredients[account_id][name]) for name in TOLD}
        assert documents[account_id] == dump_json({"told": besides, "values": own})
    assert len(set(hashes.values())) > 20


@pytest.mark.parametrize("framework", shipped_frameworks())
def test_health_that_is_kept_is_the_explanation_without_the_labels(framework: str) -> None:
    evaluation = drawn(framework)
    details = dict(evaluation.details())
    packed = PackedFrame().process_bind_param(evaluation.health(list(details)), None)
    found = health_of(PackedFrame().process_result_value(packed, None), list(details))
    assert found.keys() == details.keys()
    for account_id, detail in details.items():
        health = detail["health"]
        assert isinstance(health, dict)
        metrics = [{key: value for key, value in one.items() if key not in ("label", "component")}
                   for one in health["metrics"]]  # fmt: skip
        assert found[account_id] == {"unrounded": health["unrounded"], "metrics": metrics}


@pytest.mark.parametrize("framework", shipped_frameworks())
def test_every_alert_says_what_its_condition_saw(framework: str) -> None:
    evaluation = drawn(framework)
    details, raised = dict(evaluation.details()), 0
    for alert in evaluation.framework.spec.alerts:
        names = evaluation.alerts().filter(pl.col("alert") == alert.id).get_column("account_id").to_list()
        said = alert_reasons(evaluation, alert.id, names)
        assert sorted(said) == names
        for account_id in names:
            alerts = details[account_id]["alerts"]
            assert isinstance(alerts, list)
            inputs = next(one["inputs"] for one in alerts if one["id"] == alert.id)
            parts = said[account_id].split("; ")
            assert len(said[account_id]) <= LONGEST
            assert len(parts) == len(inputs) or len(said[account_id]) == LONGEST
            for part, (name, value) in zip(parts, inputs.items(), strict=False):
                shown = "none" if value is None else str(value)
                words = name.replace("_", " ")
                plain = (words if value else f"not {words}") if isinstance(value, bool) else f"{words}: {shown}"
                assert name in ("band_fell", "touch_overdue") or plain.startswith(part)
            raised += 1
    assert raised > 10


@pytest.mark.parametrize("framework", shipped_frameworks())
def test_every_value_has_a_reason(framework: str) -> None:
    evaluation = drawn(framework)
    specs, sentences = written(evaluation), Sentences(evaluation.framework)
    for document in outputs(canonical_frame(evaluation.frame, specs), told(evaluation)):
        reasons = Reasons(json.loads(document), sentences)
        assert all(0 < len(reasons.of(spec.name)) <= LONGEST for spec in specs)


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=20)


@given(TEXTS)
def test_any_text_becomes_the_same_json(texts: list[str]) -> None:
    values = pl.DataFrame({"account_id": [str(place) for place in range(len(texts))], "b": texts, "a": texts[::-1]})
    expected = [dump_json({"a": a, "b": b}) for a, b in zip(texts[::-1], texts, strict=True)]
    empty = pl.DataFrame({name: pl.Series([None] * len(texts), dtype=pl.String) for name in TOLD})
    assert [json.loads(one)["values"] for one in outputs(values, empty)] == [json.loads(one) for one in expected]
    hashed = [hashlib.blake2b(one.encode(), digest_size=16).hexdigest() for one in expected]
    assert values_hashes(values) == hashed
