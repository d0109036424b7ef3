"""The documentation names every command, option, exit code, key and variable that there is, and no others."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel
from typer.core import TyperGroup

from cli import IN_ORDER, app
from config.connections import connection_model
from config.describe import json_schema
from config.errors import Problem
from config.fieldmaps import load_field_maps
from config.layers import RESERVED
from config.load import load_settings
from config.models import inner_models
from config.settings import Settings
from connectors.registry import CONNECTORS
from dashboard.answers import Failure
from sync import ending
from sync.report import RunReport

ROOT = Path(__file__).resolve().parents[2]
CLI, CONFIGURATION, README = (
    (ROOT / name).read_text() for name in ("docs/cli.md", "docs/configuration.md", "README.md")
)
STANDARD = {"--config", "-c", "--json", "--no-input", "--help", "-h"}


def commands(group: object, prefix: str = "keepwell") -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Full name of every command below a group."""
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


_FOUND = dict(commands(typer.main.get_command(app)))
EPILOGS = {name: command.epilog or "" for name, command in _FOUND.items()}
ALL = {
    name: [word for one in command.params for word in (*one.opts, *one.secondary_opts)]
    for name, command in _FOUND.items()
}


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}" in CLI


def test_no_command_is_invented() -> None:
    groups = {name.rsplit(" ", 1)[0] for name in ALL}
    pages = [path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "adr"]
    for text in (README, *pages):
        for named in re.findall(r"(?:`|^)keepwell ([a-z]+(?: [a-z-]+)?)", text, re.MULTILINE):
            words = f"keepwell {named}"
            assert words in ALL or words.rsplit(" ", 1)[0] in ALL or words in groups, words


@pytest.mark.parametrize("command", ALL)
def test_every_option_is_documented(command: str) -> None:
    for option in set(ALL[command]) - STANDARD:
        if option.startswith("--"):
            assert option in CLI, option


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_an_example_that_could_be_typed(command: str) -> None:
    words = shlex.split(EPILOGS[command].removeprefix("Example: "))
    if ">" in words:
        words = words[: words.index(">")]
    assert " ".join(words).startswith(command)
    given = {word for word in words if word.startswith("--")}
    assert given <= set(ALL[command])


def test_every_reason_code_is_documented_and_none_is_invented() -> None:
    named = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(ending.REASON_CODES)


def test_every_key_of_a_report_and_of_a_failure_is_documented() -> None:
    report = RunReport("r", "sync", "2026-01-01", "2026-01-01T00:00:00Z").to_dict()
    assert [key for key in report if f"`{key}`" not in CLI] == []
    failure = json.loads(re.findall(r"```json\n(.*?)```", CLI, re.DOTALL)[-1])
    assert failure.keys() == Failure("m").to_dict().keys()
    assert failure["error"].keys() == Failure("m").to_dict()["error"].keys()
    assert failure["error"]["problems"][0].keys() == {field.name for field in fields(Problem)}


def test_the_standard_options_are_on_every_command() -> None:
    for command, options in ALL.items():
        assert {"--config", "--json", "--no-input"} <= set(options), command
    assert all(option in CLI for option in STANDARD - {"--help", "-h"})


def test_the_standard_options_say_the_same_everywhere_and_a_short_one_is_one_thing() -> None:
    said: dict[str, set[object]] = {}
    for command in _FOUND.values():
        for one in command.params:
            words = [*one.opts, *one.secondary_opts]
            for word in words:
                if word in STANDARD:
                    said.setdefault(word, set()).add((tuple(one.opts), getattr(one, "help", None)))
                elif not word.startswith("--"):  # `--yes` agrees to what the command does
                    said.setdefault(word, set()).add(tuple(one.opts))
            assert not words[0].startswith("-") or getattr(one, "help", None), (command.name, words)
    options = {word: texts for word, texts in said.items() if word.startswith("-")}
    assert {"-c", "--config", "--json", "--no-input", "-y", "-v"} <= set(options)
    assert {word: texts for word, texts in options.items() if len(texts) > 1} == {}


def test_the_commands_are_listed_as_somebody_comes_to_need_them() -> None:
    listed = [name for name in typer.main.get_command(app).commands if name in IN_ORDER]  # type: ignore[attr-defined]
    assert listed == list(IN_ORDER)


def test_exit_codes_are_documented_in_each_place() -> None:
    codes = {value for name, value in vars(ending).items() if name.startswith("EXIT_")}
    assert codes == {0, 1, 2, 3, 4, 5, 6, 75, 130}
    assert codes == {int(code) for code in re.findall(r"^\| `(\d+)` \|", CLI, re.MULTILINE)}
    for page in (README, (ROOT / "docs/howto/at-3-am.md").read_text()):
        assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of the leaves of a settings model."""
    for name, info in model.model_fields.items():
        inner = [] if name == "connections" else list(inner_models(info.annotation))
        if not inner:
            yield prefix + name
        for part in inner:
            yield from keys(part, f"{prefix}{name}.")


@pytest.mark.parametrize("key", sorted(set(keys(Settings))))
def test_every_setting_is_documented(key: str) -> None:
    assert f"`{key}`" in CONFIGURATION


@pytest.mark.parametrize("kind", sorted(CONNECTORS))
def test_every_setting_of_a_connection_is_documented(kind: str) -> None:
    section = CONFIGURATION.split(f"### A connection of type `{kind}`")[1].split("###")[0]
    model = connection_model(kind)
    assert model is not None
    assert [key for key in keys(model) if f"`{key}`" not in section] == []


def test_every_variable_is_documented() -> None:
    named = set(re.findall(r"`(KEEPWELL_[A-Z_]+)`", CONFIGURATION))
    assert RESERVED - {"KEEPWELL_REQUIRE_SERVICES"} <= named


def described(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """What the schema says about a dotted key."""
    found = schema
    for part in key.split("."):
        while "properties" not in found:  # a model by its name, or a table of them by names of the user's
            (named,) = [found] if "$ref" in found else found["patternProperties"].values()
            found = schema["$defs"][named["$ref"].rsplit("/", 1)[-1]]
        found = found["properties"][part]
    return found


def test_documented_defaults_are_the_defaults() -> None:
    schema = json_schema()
    for key, default in re.findall(
        r"^\| `([a-z_.]+)` \| `([^`]+)` \|", CONFIGURATION.split("### A conn")[0], re.MULTILINE
    ):
        assert str(described(schema, key)["default"]) == default, key


def test_the_example_configurations_load(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    secret.chmod(0o600)
    env = {"HUBSPOT_ACCESS_TOKEN": "t", "SALESFORCE_CONSUMER_KEY": "k"}
    whole, *parts = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
    path = tmp_path / "keepwell.yaml"
    path.write_text(whole.replace("/run/secrets/salesforce", str(secret)))
    assert set(load_field_maps(load_settings(path, env))) == {"hubspot", "salesforce"}
    mapped = set()
    for part in parts:
        data = yaml.safe_load(part)
        connections = yaml.safe_load(whole)["connections"]
        for name, more in data.pop("connections", {}).items():
            connections[name] |= more
        text = yaml.safe_dump({**data, "connections": connections})
        path.write_text(text.replace("/run/secrets/salesforce", str(secret)))
        for one in load_field_maps(load_settings(path, env)).values():
            mapped |= {
                f"{stream.name}.{name}" for stream in one for name, rule in stream.rules.items() if rule.explicit
            }
    assert {"companies.arr", "tickets.milestone", "cases.milestone", "milestones.key"} <= mapped


def test_links_between_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
