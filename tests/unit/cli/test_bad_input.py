"""The wrong files, variables and folders that a person meets: each said plainly, with what to do, nothing left over."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

TOKEN = {"HUBSPOT_ACCESS_TOKEN": "pat-na1-11111111-2222-3333"}
GOOD = """\
connections:
  hubspot:
    type: hubspot
    access_token: ${HUBSPOT_ACCESS_TOKEN}
    base_url: http://127.0.0.1:9
"""
Prepare = Callable[[Path], None]


def config(text: str) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / "keepwell.yaml").write_text(text)

    return prepare


def secret_file(mode: int | None) -> Prepare:
    """A configuration whose token is in a file with this mode; None: a file that is not there."""

    def prepare(folder: Path) -> None:
        config(GOOD.replace("access_token: ${HUBSPOT_ACCESS_TOKEN}", "access_token_file: token"))(folder)
        if mode is not None:
            (folder / "token").write_text("pat-na1-secret-in-a-file")
            (folder / "token").chmod(mode)

    return prepare


def store_file(content: bytes) -> Prepare:
    def prepare(folder: Path) -> None:
        config(GOOD)(folder)
        (folder / "keepwell.db").write_bytes(content)

    return prepare


def newer_store(folder: Path) -> None:
    config(GOOD)(folder)
    with sqlite3.connect(folder / "keepwell.db") as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        store.execute("INSERT INTO alembic_version VALUES ('v9999')")
    store.close()


def store_folder(folder: Path) -> None:
    config(GOOD)(folder)
    (folder / "keepwell.db").mkdir()


CASES: dict[str, tuple[Prepare, int, tuple[str, ...]]] = {
    "a typo in a key": (
        config(GOOD.replace("base_url", "base_ulr")), 2,
        ("keepwell.yaml:5: connections.hubspot.base_ulr", "no such key", "Did you mean `base_url`?"),
    ),
    "no type": (
        config(GOOD.replace("    type: hubspot\n", "")), 2,
        ("connections.hubspot.type: is required: one of gainsight, hubspot, salesforce",),
    ),
    "broken indentation": (
        config(GOOD.replace("    type", "   type")), 2,
        ("keepwell.yaml:4", "not valid YAML", "Check quotes and indentation"),
    ),
    "an empty file": (config(""), 2, ("connections: is required", "KEEPWELL_CONNECTIONS")),
    "a folder": (
        lambda folder: (folder / "keepwell.yaml").mkdir(), 2, ("cannot be read: Is a directory", "Check its path"),
    ),
    "a variable that is not set": (
        config(GOOD.replace("HUBSPOT_ACCESS_TOKEN", "NOT_THERE")), 2,
        ("keepwell.yaml:4: connections.hubspot.access_token", "NOT_THERE is not set", "export NOT_THERE="),
    ),
    "a secret file that is not there": (secret_file(None), 2, ("keepwell.yaml:4", "there is no file", "Create it")),
    "a secret file for everybody": (secret_file(0o644), 2, ("read or written by every user", "chmod 600")),
    "an unknown framework": (
        config(GOOD + "framework: craddle\n"), 2, ("there is no framework 'craddle'", "Shipped: account_management"),
    ),
    "a damaged store": (store_file(b"SQLite format 3\0" + b"junk" * 5000), 1, ("Restore it from a backup",)),
    "some other file as store": (store_file(b"this is not a database" * 500), 1, ("is not a SQLite database",)),
    "a store that is newer": (newer_store, 1, ("v9999", "Install the version of Keepwell that made it")),
    "a folder as store": (store_folder, 1, ("is not a file",)),
    "a store where nothing can be made": (
        config(GOOD + "store: sqlite:////proc/none/keepwell.db\n"), 1,
        ("/proc/none/keepwell.db", "Check that the folder exists"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_said_plainly(invoke, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    prepare, code, phrases = CASES[name]
    prepare(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for verb in (("sync",), ("plan",), ("fields", "plan")):
        result = invoke(*verb, "--json", **TOKEN)
        assert result.exit_code == code, result.stderr
        told = json.loads(result.stdout)
        assert (told["status"], told["exit_code"]) == ("failed", code)
        assert told["error"]["message"]
        for phrase in phrases:
            assert phrase in result.stderr
        assert "Traceback" not in result.stderr
        assert "Unexpected" not in result.stderr
        assert "secret-in-a-file" not in result.stdout + result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("name", [name for name, (_, code, _) in CASES.items() if code == 1])
def test_doctor_reports_what_is_wrong_with_a_store(invoke, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    prepare, _, phrases = CASES[name]
    prepare(tmp_path)
    result = invoke("doctor", "--json", **TOKEN)
    assert result.exit_code == 1
    (check,) = [one for one in json.loads(result.stdout)["checks"] if one["status"] == "error"]
    assert check["name"] == "store"
    assert check["hint"]
    assert check["hint"] not in check["detail"]
    assert any(phrase in check["detail"] + check["hint"] for phrase in phrases)


def test_doctor_says_a_wrong_framework_once(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    config(GOOD + "framework: craddle\n")(tmp_path)
    result = invoke("doctor", **TOKEN)
    assert result.exit_code == 2
    assert result.stdout.count("Shipped: account_management") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("init", "--no-input", "--config", "/proc/none/keepwell.yaml"),
        ("demo", "--accounts", "1", "--keep", "/proc/none"),
        ("sandbox", "--accounts", "1", "--write-config", "/proc/none/keepwell.yaml"),
    ],
)
def test_a_place_where_nothing_can_be_written(invoke, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    result = invoke(*words)
    assert result.exit_code in (1, 2)
    assert "/proc/none" in result.stderr
    assert "Choose another place" in result.stderr or "Choose an empty folder" in result.stderr
    assert "Unexpected" not in result.stderr
