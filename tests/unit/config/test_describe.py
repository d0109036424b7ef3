"""What is shown of settings, and the schema that an editor gets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.describe import checked, json_schema, masked_url, secret_values
from config.errors import ConfigFileError
from config.fieldmaps import load_field_map, load_field_maps
from config.frameworks import framework_path, load_framework_file, shipped_frameworks
from config.limits import Limit, parse_percent

from .conftest import MINIMAL, Load


def test_the_schema_knows_every_connector_and_no_surprises() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["additionalProperties"] is False
    (connection,) = schema["properties"]["connections"]["patternProperties"].values()
    assert set(connection["discriminator"]["mapping"]) == {"hubspot", "salesforce", "gainsight"}
    assert {"consumer_secret", "consumer_secret_file"} <= set(schema["$defs"]["ClientCredentialsAuth"]["properties"])
    assert schema["$defs"]["ClientCredentialsAuth"]["required"] == ["flow"]
    assert "store_file" in schema["properties"]
    assert schema["$defs"]["Guards"]["properties"]["max_changes"]["default"] == "50%"


def test_passwords_in_addresses_are_masked() -> None:
    assert masked_url("postgresql://me:p@ss:w@db:5432/k") == "postgresql://me:***@db:5432/k"
    assert masked_url("sqlite:///keepwell.db") == "sqlite:///keepwell.db"
    assert masked_url("postgresql://me@db/k?sslmode=require&password=p%40w") == (
        "postgresql://me@db/k?sslmode=require&password=***"
    )


def test_a_password_among_the_parameters_of_an_address_is_a_secret_in_both_spellings(load: Load) -> None:
    settings = load(
        "store: postgresql://me@db/k?password=p%40ss+word&sslmode=require\n"
        "connections: {hubspot: {type: hubspot, access_token: abcdefgh}}\n"
    )
    assert {"p%40ss+word", "p@ss word"} <= secret_values(settings)


def test_check_loads_framework_and_field_maps(load: Load) -> None:
    answer = checked(load())
    assert "framework cradle_to_grave" in answer["summary"]
    assert {"key": "connections.hubspot.access_token", "value": "***"}.items() <= next(
        entry for entry in answer["settings"] if entry["key"].endswith("access_token")
    ).items()


def test_a_wrong_field_override_names_its_line(load: Load) -> None:
    settings = load(MINIMAL + "fields:\n  hubspot:\n    companies:\n      arrr: x\n")
    with pytest.raises(ConfigFileError, match=r"keepwell.yaml:8: fields.hubspot.companies.arrr: account has no field"):
        load_field_maps(settings)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("helth_score", "Did you mean `health_score`? It writes health_score, "), ("nps", "It writes health_score, ")],
)
def test_a_policy_for_a_field_that_is_not_written_names_its_line_and_the_fields(
    load: Load, name: str, hint: str
) -> None:
    settings = load(f"{MINIMAL}policy:\n  human_edits_by_field:\n    segment: hold\n    {name}: reclaim\n")
    with pytest.raises(ConfigFileError) as caught:
        checked(settings)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (8, f"policy.human_edits_by_field.{name}")
    assert problem.message == f"{name} is no field that Keepwell writes."
    assert problem.hint.startswith(hint)
    assert "segment, renewal_status" in problem.hint
    assert "renewal_status_override" not in problem.hint, "what people own is not in the policy"


def test_a_task_for_an_alert_that_there_is_not_names_its_line_and_the_alerts(load: Load) -> None:
    good = load(f"{MINIMAL}    tasks: {{alerts: [red, band_drop], owner: none}}\n")
    assert checked(good)["summary"]
    with pytest.raises(ConfigFileError) as caught:
        checked(load(f"{MINIMAL}    tasks: {{alerts: [red, bandrop]}}\n"))
    (problem,) = caught.value.problems
    assert problem.key == "connections.hubspot.tasks.alerts"
    assert problem.message == "bandrop is no alert of the framework cradle_to_grave."
    assert problem.hint.startswith("Did you mean `band_drop`? It has band_drop, ")


def test_a_policy_for_a_field_may_come_from_the_environment(load: Load) -> None:
    with pytest.raises(ConfigFileError, match="KEEPWELL_POLICY__HUMAN_EDITS_BY_FIELD__NPS: "):
        checked(load(KEEPWELL_POLICY__HUMAN_EDITS_BY_FIELD__NPS="hold"))
    good = load(KEEPWELL_POLICY__HUMAN_EDITS_BY_FIELD__SEGMENT="reclaim")
    assert checked(good)["summary"]
    assert (good.policy.human_edits_of("segment"), good.policy.human_edits_of("health_score")) == ("reclaim", "hold")
    with pytest.raises(ConfigFileError, match="must be 'hold' or 'reclaim'"):
        load(KEEPWELL_POLICY__HUMAN_EDITS_BY_FIELD__SEGMENT="fight")


def test_field_map_overrides_count() -> None:
    stream = load_field_map("hubspot", {"companies": {"arr": "our_arr"}}).streams["companies"]
    assert stream.rules["arr"].properties == ("our_arr",)
    assert "our_arr" in stream.explicit


def test_shipped_frameworks_load() -> None:
    assert "cradle_to_grave" in shipped_frameworks()
    for name in shipped_frameworks():
        assert load_framework_file(name).version


def test_an_unknown_framework_gets_a_suggestion() -> None:
    with pytest.raises(ConfigFileError, match="Did you mean cradle_to_grave"):
        framework_path("cradle_to_grav")


def test_framework_mistakes_name_the_line(load: Load) -> None:
    text = (
        framework_path("cradle_to_grave")
        .read_text()
        .replace("days_since_go_live >= 365", "days_since_golive >= 365", 1)
    )
    settings = load("framework: ./own.yaml\n" + MINIMAL)
    path = framework_path(settings.framework)
    path.write_text(text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "days_since_golive" in one)
    with pytest.raises(ConfigFileError) as caught:
        load_framework_file(settings.framework)
    assert any(problem.line == line and "days_since_golive" in problem.message for problem in caught.value.problems)


@given(st.integers(0, 10**6), st.integers(0, 100))
def test_a_limit_allows_what_it_says(total: int, percent: int) -> None:
    allowed = Limit.parse(f"{percent}%").allowed(total)
    assert allowed * 100 >= total * percent > (allowed - 1) * 100 or allowed == 0
    assert Limit.parse(str(percent)).allowed(total) == percent


@pytest.mark.parametrize("value", ["120%", "x", "-1", 0.5, True, None, "5 %%"])
def test_what_is_no_limit(value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limit.parse(value)


def test_a_percentage_is_exact() -> None:
    assert parse_percent("12.5%") == 0.125


SALESFORCE = """connections:
  salesforce:
    type: salesforce
    auth: {flow: token, access_token: x, instance_url: https://acme.my.salesforce.com}
"""


def test_an_object_of_milestones_has_to_be_named_and_mapped(load: Load) -> None:
    mapped = "fields:\n  salesforce:\n    milestones: {account_ref: Account__c, key: Step__c, completed_on: Done__c}\n"
    named = "    milestones: {object: Step__c}\n"
    with pytest.raises(
        ConfigFileError, match=r":5: connections.salesforce.milestones: .* does not map account_ref, key"
    ):
        load_field_maps(load(SALESFORCE + named))
    with pytest.raises(
        ConfigFileError, match=r":7: fields.salesforce.milestones: is mapped, but connections.salesforce"
    ):
        load_field_maps(load(SALESFORCE + mapped))
    assert "key" in load_field_maps(load(SALESFORCE + named + mapped))["salesforce"].streams["milestones"].rules
