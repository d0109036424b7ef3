"""Pages about frameworks have the rules as they are now, and no text of a framework acts on a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigFileError
from config.frameworks import load_framework_file, shipped_frameworks
from dashboard.handbook import Handbook, code, escaped, save_page
from mapping.framework import load_framework
from tests.unit.mapping.portfolio import f4, shipped

DOCS = Path(__file__).resolve().parents[2] / "docs" / "frameworks"
HOSTILE = "<script>|`[x](y)` *b* _i_\n# head & more"


@pytest.mark.parametrize("name", shipped_frameworks())
def test_the_page_of_a_framework_has_its_rules(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    hint = f"keepwell framework docs {name} --out docs/frameworks/{name}.md"
    assert Handbook(load_framework_file(name)).within(page) == page, hint


def test_every_number_and_name_of_a_framework_is_on_its_page() -> None:
    spec, page = f4().spec, Handbook(f4()).page()
    metrics = [metric for component in spec.score.components for metric in component.metrics]
    labels = [one.label for one in (*spec.stages, *spec.cadences, *spec.alerts, *metrics, *spec.overlays)]
    labels += [rule.label for item in spec.segments for rule in item.rules]
    assert [label for label in labels if escaped(label) not in page] == []
    assert "| Business value | Return against target | 10 % |" in page
    assert "0 % → 0, 50 % → 60, 80 % → 100" in page
    assert "from 99 % to 101 % of the contract" in page
    assert "more than 84 days since signed" in page
    assert "every 14 days from `closed_won_on`" in page


def test_targets_norms_and_who_a_checklist_is_for_are_on_the_page() -> None:
    page = Handbook(load_framework_file("portfolio_management")).page()
    assert "| Accounts in red | `red_share` | &lt; 3 % | accounts in red ÷ accounts with a score |" in page
    assert "| Enterprise CSM | Enterprise | 15 to 20 | 3,000,000 to 5,000,000 | everybody who has" in page
    assert "| Lead | Enterprise | 25 or more | 8,000,000 or more | nobody yet |" in page
    page = Handbook(load_framework_file("net_new_engagement")).page()
    assert "| Deployment | Implement | `deployment` | csm |" in page
    assert "| Go-Live Readiness | `go_live_readiness_checklist` | Deployment | the customer |" in page
    assert "| Success Plan | `success_plan_checklist` | Success Plan Update | us |" in page


def test_a_metric_that_is_its_whole_component_is_made_up_for_by_other_components() -> None:
    page = Handbook(load_framework_file("net_new_engagement")).page()
    assert "the other components count for it" in page
    assert "the others of its component" not in page


def test_text_of_a_framework_is_only_text() -> None:
    data = shipped()
    data["title"] = data["stages"][0]["label"] = data["alerts"][0]["owner"] = HOSTILE
    data["stages"][0]["meaning"] = HOSTILE
    data["overlays"][0]["when"] = "name = 'a|b`c'"
    page = Handbook(load_framework(data, "ours")).page()
    assert "<script>" not in page
    row = next(line for line in page.splitlines() if "name is a\\|b\\`c" in line)
    assert "`` name = 'a\\|b`c' ``" in row
    stages = [line for line in page.splitlines() if line.startswith("| &lt;script")]
    assert len(stages) == 1
    assert stages[0].replace("\\|", "").count("|") == 5


def test_what_a_framework_lacks_has_no_section() -> None:
    data = shipped() | {"overlays": [], "cadences": [], "escalation": None, "alerts": [], "kpis": []}
    page = Handbook(load_framework(data, "ours")).page()
    absent = {"### Marks", "### Touches", "### Escalation", "### Alerts", "### Milestones", "### KPIs"}
    assert not absent & set(page.splitlines())


def test_code_of_any_text_ends_where_it_should() -> None:
    assert code("a") == "`a`"
    assert code("a`b``c") == "``` a`b``c ```"


def test_a_file_keeps_what_stands_around_the_rules(tmp_path: Path) -> None:
    book, path = Handbook(f4()), tmp_path / "page.md"
    save_page(book, path)
    assert path.read_text(encoding="utf-8") == book.page()
    data = shipped()
    data["stages"][0]["label"] = "Gone \\1"
    path.write_text(f"# Ours\n\nBefore.\n\n{book.rules()}\nAfter.\n", encoding="utf-8")
    changed = Handbook(load_framework(data, "ours"))
    save_page(changed, path)
    assert path.read_text(encoding="utf-8") == f"# Ours\n\nBefore.\n\n{changed.rules()}\nAfter.\n"
    path.write_text("Notes of somebody.\n", encoding="utf-8")
    with pytest.raises(ConfigFileError, match="has no rules that this command wrote"):
        save_page(changed, path)
    assert path.read_text(encoding="utf-8") == "Notes of somebody.\n"
    with pytest.raises(ConfigFileError, match="cannot be written"):
        save_page(changed, tmp_path / "none" / "page.md")
