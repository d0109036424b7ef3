"""A framework that takes from another one: what it replaces, what it keeps, and where its mistakes are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from config.errors import ConfigFileError, Problem
from config.fieldmaps import load_field_map
from config.frameworks import load_framework_file, read_layers
from tests.altered import ROOT
from tests.unit.mapping.kpi_kit import SMALL

HEAD = "framework: ours\ntitle: Ours\nextends: cradle_to_grave\n"


def written(folder: Path, text: str, name: str = "ours.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return f"{folder}/{name}"


def problems(path: str) -> list[Problem]:
    with pytest.raises(ConfigFileError) as caught:
        load_framework_file(path)
    return list(caught.value.problems)


def test_what_is_not_said_is_taken_from_the_other_framework(tmp_path: Path) -> None:
    base = load_framework_file("cradle_to_grave").spec
    ours = load_framework_file(written(tmp_path, HEAD)).spec
    assert ours == base.model_copy(update={"framework": "ours", "title": "Ours", "description": ""})


def test_a_value_is_replaced_alone_and_a_list_whole(tmp_path: Path) -> None:
    base = load_framework_file("cradle_to_grave").spec
    text = (
        HEAD
        + "renewal: {window_days: 120, labels: {due: Start now}}\n"
        + "score:\n  bands:\n    - {id: green, min: 75}\n    - {id: red, min: 0}\n"
        + "parameters: {implementation_days: 100}\n"
        + "cadences: []\nescalation: null\n"
    )
    ours = load_framework_file(written(tmp_path, text)).spec
    assert (ours.renewal.window_days, ours.renewal.grace_days) == (120, base.renewal.grace_days)
    assert ours.renewal.phases == base.renewal.phases
    assert [band.id for band in ours.score.bands] == ["green", "red"]
    assert ours.score.components == base.score.components
    assert ours.parameters == {**base.parameters, "implementation_days": 100}
    assert (ours.cadences, ours.escalation) == ((), None)


def test_a_fact_is_replaced_whole(tmp_path: Path) -> None:
    ours = load_framework_file(written(tmp_path, HEAD + 'facts: {sentiment_90d: {value: "roi_realised"}}\n')).spec
    assert ours.facts["sentiment_90d"].from_ is None
    assert ours.facts["sentiment_90d"].where is None


def test_facts_and_parameters_that_nothing_names_any_more_are_not_taken(tmp_path: Path) -> None:
    base = {
        "facts": {
            "signed_on": {"value": "contract_signed_at"},
            "took": {"value": "days_since_signed - slack"},
            "deeper_at": {"value": "created_on"},
            "deep": {"value": "COALESCE(deep_days, days_until_deeper)"},
        },
        "parameters": {"slack": 3, "deep_days": 2},
        "overlays": [{"id": "quick", "when": "took < 84"}],
    }
    written(tmp_path, yaml.safe_dump(SMALL | base, sort_keys=False), "base.yaml")
    head = "framework: ours\ntitle: Ours\nextends: ./base.yaml\n"
    kept = load_framework_file(written(tmp_path, head)).spec
    assert ({*kept.facts}, {*kept.parameters}) == ({"signed_on", "took"}, {"slack"})  # a count of days is a use
    bare = load_framework_file(written(tmp_path, f"{head}overlays: []\n")).spec
    assert ({*bare.facts}, {*bare.parameters}) == (set(), set())
    own = load_framework_file(written(tmp_path, f"{head}overlays: []\nparameters: {{deep_days: 4}}\n")).spec
    assert own.parameters == {"deep_days": 4}, "what the file says itself stays, used or not"
    named = load_framework_file(written(tmp_path, f"{head}alerts: [{{id: one, when: deep > 1}}]\n")).spec
    assert {"deep", "deeper_at"} <= {*named.facts}
    assert load_framework_file(f"{tmp_path}/base.yaml").spec.facts.keys() == base["facts"].keys()


def test_a_change_of_either_file_is_another_version(tmp_path: Path) -> None:
    ours = written(tmp_path, "framework: ours\ntitle: Ours\nextends: ./base.yaml\n")
    text = "extends: cradle_to_grave\n"
    whole = Path(read_layers("cradle_to_grave").own.file).read_text(encoding="utf-8")
    written(tmp_path, whole, "base.yaml")
    before = load_framework_file(ours).version
    written(tmp_path, whole.replace("window_days: 90", "window_days: 91"), "base.yaml")
    between = load_framework_file(ours).version
    written(tmp_path, f"framework: ours\ntitle: Ours\n{text}renewal: {{window_days: 91}}\n")
    assert len({before, between}) == 2
    assert load_framework_file(ours).version == between


def test_a_mistake_is_shown_in_the_file_that_it_comes_from(tmp_path: Path) -> None:
    whole = Path(read_layers("cradle_to_grave").own.file).read_text(encoding="utf-8")
    base = written(tmp_path, whole.replace("days_since_go_live >= 365", "days_since_golive >= 365", 1), "base.yaml")
    text = "framework: ours\ntitle: Ours\nextends: ./base.yaml\n"
    text += 'segments:\n  - dimension: segment\n    rules:\n      - {id: all, when: "tru"}\n'
    ours = written(tmp_path, text)
    line = next(n for n, one in enumerate(Path(base).read_text().splitlines(), 1) if "days_since_golive" in one)
    found = {(problem.file, problem.line) for problem in problems(ours)}
    assert (base, line) in found
    assert (ours, 7) in found


@pytest.mark.parametrize(
    ("extends", "line", "said", "hint"),
    [
        ("cradle_to_grav", 3, "there is no framework 'cradle_to_grav'", "Did you mean cradle_to_grave?"),
        ("7", 3, "there is no framework 7", "Shipped: "),
        ("./base.yaml", None, "there is no such file", "a path counts from that file's folder"),
        ("portfolio_management", 3, "extends another framework itself", ""),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, extends: str, line: int | None, said: str, hint: str) -> None:
    (found,) = problems(written(tmp_path, f"framework: ours\ntitle: Ours\nextends: {extends}\n"))
    assert said in found.message
    assert hint in found.hint
    assert line is None or found.line == line


def test_a_framework_that_extends_another_one_has_a_name_of_its_own(tmp_path: Path) -> None:
    (found,) = problems(written(tmp_path, "title: Ours\nextends: cradle_to_grave\n"))
    assert (found.line, found.key) == (2, "framework")
    assert "a name of its own" in found.message


def test_the_example_of_the_docs_is_a_framework(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "frameworks" / "format.md").read_text(encoding="utf-8")
    example = page.partition("### extends")[2].partition("```yaml\n")[2].partition("```")[0]
    ours = load_framework_file(written(tmp_path, example)).spec
    assert (ours.renewal.flat, ours.parameters["strict_handoff"], ours.score.bands[0].min) == ((0.98, 1.02), True, 75)


def test_each_system_has_a_home_for_the_milestones_that_another_one_has() -> None:
    homes = {
        kind: {
            name for stream in load_field_map(kind).streams.values() for name in stream.rules if name.startswith("ms.")
        }
        for kind in ("hubspot", "salesforce", "gainsight")
    }
    assert homes["hubspot"]
    assert homes["hubspot"] == homes["salesforce"] == homes["gainsight"]
