"""Where values come from, who wins, and what is said about each mistake."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.describe import effective, secret_values
from config.errors import ConfigFileError
from config.load import load_settings
from config.settings import Settings

from .conftest import MINIMAL, TOKEN, Load

GUARDS = "keepwell.yaml:13: policy.guards"


def token_of(settings: Settings) -> str:
    secret = settings.connections["hubspot"].model_dump()["access_token"]
    assert isinstance(secret, SecretStr)
    return secret.get_secret_value()


def complaints(load: Load, text: str = MINIMAL, **env: str) -> list[str]:
    with pytest.raises(ConfigFileError) as caught:
        load(text, **env)
    return [str(replace(problem, file=Path(problem.file).name)) for problem in caught.value.problems]


def origin_of(settings: Settings, key: str) -> str:
    return next(entry.origin for entry in effective(settings) if entry.key == key).split("/")[-1]


def test_defaults(load: Load) -> None:
    settings = load()
    assert (settings.workspace, settings.framework, settings.timezone) == ("default", "cradle_to_grave", "UTC")
    assert settings.policy.human_edits == "hold"
    assert settings.policy.quota_reserve == 0.2
    assert str(settings.policy.guards.max_changes) == "50%"
    assert token_of(settings) == TOKEN


def test_the_environment_wins_over_the_file(load: Load) -> None:
    settings = load(
        "timezone: UTC\n" + MINIMAL,
        KEEPWELL_TIMEZONE="Europe/Copenhagen",
        KEEPWELL_POLICY__GUARDS__MAX_CHANGES="7",
        KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="0123456",
    )
    assert settings.timezone == "Europe/Copenhagen"
    assert settings.policy.guards.max_changes.count == 7
    assert token_of(settings) == "0123456"
    assert origin_of(settings, "timezone") == "environment KEEPWELL_TIMEZONE"
    assert origin_of(settings, "connections.hubspot.type") == "keepwell.yaml:4"
    assert origin_of(settings, "workspace") == "default"


def test_mappings_and_lists_can_be_given_as_json(load: Load) -> None:
    settings = load(KEEPWELL_FIELDS='{"hubspot": {"companies": {"arr": "my_arr"}}}')
    assert settings.fields == {"hubspot": {"companies": {"arr": "my_arr"}}}


def test_no_file_is_needed_when_the_environment_has_every_connection(tmp_path: Path) -> None:
    env = {"KEEPWELL_CONNECTIONS__HUBSPOT__TYPE": "hubspot", "KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN": TOKEN}
    assert token_of(load_settings(tmp_path / "none.yaml", env)) == TOKEN


def test_a_secret_from_a_file(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret-from-file\n")
    secret.chmod(0o600)
    settings = load(
        "connections:\n  sf:\n    type: salesforce\n    auth:\n      flow: client_credentials\n"
        "      consumer_key: k\n      consumer_secret_file: secret\n    login_url: http://127.0.0.1:1\n"
    )
    assert "s3cret-from-file" in secret_values(settings)
    assert origin_of(settings, "connections.sf.auth.consumer_secret") == "secret"


def test_the_store_address_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://keepwell:hidden-word@db/keepwell")
    (tmp_path / "url").chmod(0o600)
    settings = load("store_file: url\n" + MINIMAL)
    assert settings.store.endswith("@db/keepwell")
    assert "hidden-word" in secret_values(settings)
    assert "hidden-word" not in repr(settings) + str([entry.value for entry in effective(settings)])


def test_a_folder_of_secrets_lies_between_file_and_environment(load: Load, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in (
        ("KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN", "from-folder"),
        ("unrelated", "x"),
        (".hidden", "y"),
    ):
        (folder / name).write_text(value)
        (folder / name).chmod(0o600)
    assert token_of(load(KEEPWELL_SECRETS_DIR=str(folder))) == "from-folder"
    both = load(KEEPWELL_SECRETS_DIR=str(folder), KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="from-variable")
    assert token_of(both) == "from-variable"


def test_a_secret_file_given_by_variable_replaces_the_secret_of_the_file(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("x")
    secret.chmod(0o600)
    settings = load(KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN_FILE=str(secret))
    hubspot = settings.connections["hubspot"].model_dump()
    assert (hubspot["access_token"], hubspot["access_token_file"]) == (None, secret)


@pytest.mark.parametrize(
    ("mode", "words"),
    [(0o644, "can be read or written by every user"), (0o602, "can be read or written by every user")],
)
def test_a_secret_file_that_everybody_can_read_is_refused(load: Load, tmp_path: Path, mode: int, words: str) -> None:
    secret = tmp_path / "token"
    secret.write_text("x")
    secret.chmod(mode)
    found = complaints(load, MINIMAL.replace("access_token: ${TOKEN}", "access_token_file: token"))
    assert len(found) == 1
    assert words in str(found)


def test_missing_and_empty_secret_files(load: Load, tmp_path: Path) -> None:
    text = MINIMAL.replace("access_token: ${TOKEN}", "access_token_file: token")
    with pytest.raises(
        ConfigFileError, match=r"keepwell.yaml:4: connections.hubspot.access_token_file: there is no file"
    ):
        load(text)
    (tmp_path / "token").write_text("\n")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(ConfigFileError, match="is empty"):
        load(text)


def test_every_problem_is_reported_at_once_in_file_order(load: Load) -> None:
    found = complaints(
        load,
        "framwork: x\ntimezone: Mars/Base\nstore: mysql://x\n" + MINIMAL + "    acces_token: y\n"
        "  other:\n    type: zoho\npolicy:\n  human_edits: maybe\n  guards: {max_changes: lots, max_shrnk: 1%}\n",
    )
    assert found == [
        "keepwell.yaml:1: framwork: there is no such key. Did you mean `framework`?",
        "keepwell.yaml:2: timezone: 'Mars/Base' is not an IANA time zone such as Europe/Copenhagen or UTC.",
        "keepwell.yaml:3: store: must start with sqlite:/// or postgresql://.",
        "keepwell.yaml:8: connections.hubspot.acces_token: there is no such key. Did you mean `access_token`?",
        "keepwell.yaml:10: connections.other.type: must be one of gainsight, hubspot, salesforce.",
        "keepwell.yaml:12: policy.human_edits: must be 'hold' or 'reclaim'.",
        f"{GUARDS}.max_changes: must be a percentage such as 50% or a whole number of records such as 500.",
        f"{GUARDS}.max_shrnk: there is no such key. Did you mean `max_shrink`?",
    ]


TOKEN_KEY = "keepwell.yaml:4: connections.hubspot.access_token"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL.replace("TOKEN", "NOT_SET"), f"{TOKEN_KEY}: the environment variable NOT_SET is not set."),
        (MINIMAL.replace("TOKEN", "EMPTY"), f"{TOKEN_KEY}: the environment variable EMPTY is empty."),
        (MINIMAL.replace("${TOKEN}", "${TOK EN}"), f"{TOKEN_KEY}: `${{` must be followed by a variable name"),
        (MINIMAL.replace("type: hubspot\n", "\n"), "keepwell.yaml:2: connections.hubspot.type: is required"),
        ("timezone: UTC\n", "keepwell.yaml: connections: is required. Add it, or set KEEPWELL_CONNECTIONS."),
        ("connections: {}\n", "keepwell.yaml:1: connections: must not be empty."),
        ("connections: {Bad Name: {type: hubspot, access_token: x}}\n", "keepwell.yaml:1: connections.Bad Name: "),
        ("workspace: a b\n" + MINIMAL, "keepwell.yaml:1: workspace: "),
        (MINIMAL + "fields: {zoho: {}}\n", "keepwell.yaml: fields names the connection 'zoho'"),
        (MINIMAL + "    access_token_file: x\n", "keepwell.yaml:5: connections.hubspot.access_token_file: `access_tok"),
        (MINIMAL + "policy: {quota_reserve: 120%}\n", "keepwell.yaml:5: policy.quota_reserve: must be a percentage"),
        (MINIMAL + "policy: {precedence: {deals: [hubspot]}}\n", "keepwell.yaml:5: policy.precedence.deals: must be"),
    ],
)
def test_single_mistakes(load: Load, text: str, message: str) -> None:
    found = complaints(load, text, EMPTY="")
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    ("given", "key", "says"),
    [("{usage: Score}", "measures.usage", "string should match pattern"), ("7", "measures", "must be true or false.")],
)
def test_of_two_ways_to_give_a_key_only_the_one_that_was_chosen_is_spoken_of(
    load: Load, given: str, key: str, says: str
) -> None:
    gainsight = "{type: gainsight, base_url: 'https://a.gainsightcloud.com', access_key: k, measures: " + given + "}"
    (said,) = complaints(load, f"connections:\n  gs: {gainsight}\n")
    assert f"connections.gs.{key}: {says}" in said


def test_a_wrong_variable_is_named_instead_of_a_line(load: Load) -> None:
    assert complaints(load, KEEPWELL_POLICY__QUOTA_RESERV="20%") == [
        "KEEPWELL_POLICY__QUOTA_RESERV: policy.quota_reserv: there is no such key. Did you mean `quota_reserve`?"
    ]
    assert complaints(load, KEEPWELL_FRAMWORK="x")[0].startswith("KEEPWELL_FRAMWORK: framwork: there is no such key.")


def test_secrets_never_show(load: Load, tmp_path: Path) -> None:
    settings = load(TOKEN="very-secret-token")
    shown = repr(settings) + str(settings) + str(effective(settings)) + str(settings.model_dump())
    assert "very-secret-token" not in shown
    with pytest.raises(ConfigFileError) as caught:
        load(MINIMAL + "    oauth: {client_id: a, client_secret: s3, refresh_token: 5}\n", TOKEN="very-secret-token")
    assert "very-secret-token" not in str(caught.value)
    assert os.fspath(tmp_path) in str(caught.value)


def test_relative_paths_start_where_they_are_written(load: Load, tmp_path: Path) -> None:
    settings = load("store: sqlite:///data/k.db\nframework: own/f.yaml\n" + MINIMAL)
    assert settings.store == f"sqlite:///{tmp_path}/data/k.db"
    assert settings.framework == f"{tmp_path}/own/f.yaml"
    assert load("store: sqlite:////abs/k.db\n" + MINIMAL).store == "sqlite:////abs/k.db"
    assert load(KEEPWELL_STORE="sqlite:///here.db").store == "sqlite:///here.db"


def test_a_dollar_sign_can_be_written(load: Load) -> None:
    assert token_of(load(MINIMAL.replace("${TOKEN}", "a$$b${UNSET:-c}"))) == "a$bc"
