"""The first configuration file: valid, private, never written over another."""

import stat
from pathlib import Path

import pytest

from config.load import load_settings
from config.starter import HubSpotStart, SalesforceStart, Starter, write_private

ENV = {
    "HUBSPOT_ACCESS_TOKEN": "t", "SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_CONSUMER_SECRET": "s",
    "SALESFORCE_USERNAME": "u", "SALESFORCE_PASSWORD": "p", "SALESFORCE_ACCESS_TOKEN": "a",
    "SALESFORCE_INSTANCE_URL": "https://x.my.salesforce.com",
}  # fmt: skip


@pytest.mark.parametrize("flow", ["jwt", "client_credentials", "password", "token"])
def test_every_flow_gives_a_file_that_loads(tmp_path: Path, flow: str) -> None:
    key = tmp_path / "salesforce.key.pem"
    key.write_text("key")
    key.chmod(0o600)
    starter = Starter(HubSpotStart(), SalesforceStart(flow, "https://acme.my.salesforce.com"))  # type: ignore[arg-type]
    path = tmp_path / "keepwell.yaml"
    write_private(path, starter.text())
    settings = load_settings(path, ENV)
    assert list(settings.connections) == ["hubspot", "salesforce"]
    assert settings.connections["salesforce"].model_dump()["auth"]["flow"] == flow
    assert "${" in path.read_text()


def test_hostile_values_stay_values(tmp_path: Path) -> None:
    odd = 'x"\nframework: own # ${HOME}'
    path = tmp_path / "keepwell.yaml"
    write_private(path, Starter(HubSpotStart(access_token=odd.replace("${HOME}", "")), workspace="w").text())
    settings = load_settings(path, {})
    assert settings.framework == "cradle_to_grave"
    assert settings.connections["hubspot"].model_dump()["access_token"].get_secret_value() == odd.replace("${HOME}", "")


def test_the_file_is_private_and_never_replaced_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    write_private(path, "a: 1\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_private(path, "a: 2\n")
    write_private(path, "a: 3\n", replace=True)
    assert path.read_text() == "a: 3\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "keepwell.yaml"
    target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(FileExistsError):
        write_private(path, "x")
    write_private(path, "x", replace=True)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_cannot_be_written_to_its_end_leaves_nothing_new(tmp_path: Path, *, replace: bool) -> None:
    path = tmp_path / "keepwell.yaml"
    if replace:
        path.write_text("mine")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "text, then half a character: \ud800", replace=replace)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == (
        [("keepwell.yaml", "mine")] if replace else []
    )
