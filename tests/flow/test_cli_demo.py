"""`keepwell demo` as a newcomer meets it, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.children import child

ROOT = Path(__file__).resolve().parents[2]


def keepwell(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-P", str(ROOT / "cli.py"), *words]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    return clean | {"PYTHONPATH": str(ROOT)}


def sandboxes_of(home: Path) -> list[int]:
    """Ids of sandbox processes that were started for this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "sandbox" in command and str(home) in command and "--json" in command:
            found.append(int(entry.parent.name))
    return found


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, at most two minutes."""
    deadline = time.monotonic() + 120
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_the_demo_shows_the_whole_job(tmp_path: Path) -> None:
    home, real = tmp_path / "kept", tmp_path / "real.db"
    elsewhere = {  # what an operator's machine may have set leads to real CRMs and a real store
        "KEEPWELL_STORE": f"sqlite:///{real}",
        "KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL": "http://127.0.0.1:9",
        "KEEPWELL_SECRETS_DIR": str(tmp_path / "none"),
    }
    done = subprocess.run(
        keepwell(tmp_path, "demo", "--accounts", "40", "--keep", str(home), "--json"),
        cwd=tmp_path, env=environment() | elsewhere, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    first, second, third = (told[name] for name in ("first", "second", "third"))
    assert first["status"] == "complete"
    assert first["apply"]["confirmed"] == first["plan"]["changes"] > 0
    assert set(first["connections"]) == {"hubspot", "salesforce"}
    assert second["plan"]["changes"] == second["apply"]["confirmed"] == 0
    assert [one["property"] for one in third["conflicts"]] == [told["edit"]["property"]]
    assert third["conflicts"][0]["seen"] == told["edit"]["after"]
    for words in ("top reason", "Nothing to write", "somebody changed it", "API calls"):
        assert words in done.stderr
    _, seen = done.stderr.split("What a customer-success manager now sees")
    assert f"hubspot: {first['connections']['hubspot']['apply']['confirmed']} values on" in seen
    assert "\x1b" not in done.stderr
    assert f"Next: `keepwell serve --config {home}/keepwell.yaml` shows it in a browser" in done.stderr
    assert told["url"] is None
    assert not real.exists()
    assert sandboxes_of(home) == []
    assert {path.name for path in home.iterdir()} >= {"keepwell.yaml", "keepwell.db"}


def test_the_demo_with_gainsight_pulls_and_writes_all_three(tmp_path: Path) -> None:
    done = subprocess.run(
        keepwell(tmp_path, "demo", "--accounts", "30", "--with-gainsight", "--json"),
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    first, second = told["first"], told["second"]
    assert set(first["pull"]) == {"hubspot", "salesforce", "gainsight"}
    assert all(one["apply"]["confirmed"] > 100 for one in first["connections"].values())
    assert first["evaluate"]["accounts"] < sum(one["plan"]["records"] for one in first["connections"].values())
    assert second["plan"]["changes"] == 0
    assert "Three systems with a made-up portfolio" in done.stderr
    assert "its admin adds" in done.stderr


def test_a_killed_demo_takes_its_sandbox_with_it(tmp_path: Path) -> None:
    home = tmp_path / "kept"
    with child(
        keepwell(tmp_path, "demo", "--accounts", "400", "--keep", str(home)),
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        until((home / "keepwell.yaml").exists)
        assert sandboxes_of(home)
        process.kill()
    until(lambda: sandboxes_of(home) == [])
    assert sandboxes_of(home) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_serves_shows_its_store_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "kept"
    elsewhere = {"KEEPWELL_STORE": f"sqlite:///{tmp_path / 'real.db'}"}
    with child(
        keepwell(tmp_path, "demo", "--accounts", "12", "--keep", str(home), "--serve", "--json"),
        cwd=tmp_path, env=environment() | elsewhere, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["exit_code"] == 0
        assert told["url"].startswith("http://127.0.0.1:")
        page = requests.get(f"{told['url']}/accounts.json", timeout=30)
        assert page.status_code == 200
        assert told["third"]["top"][0]["name"] in page.text
        assert sandboxes_of(home), "the CRMs are there as long as the dashboard is"
        process.send_signal(number)
        out, complaints = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in complaints
    assert "`keepwell sandbox` keeps such CRMs running" in complaints
    assert sandboxes_of(home) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "kept"
    with child(
        keepwell(tmp_path, "demo", "--accounts", "400", "--keep", str(home)),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        until((home / "keepwell.yaml").exists)
        assert sandboxes_of(home)
        process.send_signal(number)
        _out, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in complaints
    assert sandboxes_of(home) == []


def test_a_demo_that_cannot_start_says_why(tmp_path: Path) -> None:
    done = subprocess.run(
        keepwell(tmp_path, "demo", "--accounts", "5", "--framework", "no_such_framework"),
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no framework 'no_such_framework'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_with_an_earlier_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keepwell.db").write_bytes(b"mine")
    done = subprocess.run(
        keepwell(tmp_path, "demo", "--accounts", "5", "--keep", str(tmp_path)),
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Choose an empty folder" in done.stderr
    assert (tmp_path / "keepwell.db").read_bytes() == b"mine"
