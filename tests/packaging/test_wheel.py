"""The wheel, installed beside nothing of the checkout, runs in a folder full of decoys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "connectors", "dashboard", "mapping", "notify", "sandbox", "store", "sync", "verbs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = out.glob("keepwell-*.whl")
    return built


@pytest.fixture(scope="module")
def keepwell(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command: a new environment that sees our dependencies, but neither the checkout nor its install."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(home / "bin/python"),
         "install", "--no-deps", "--no-index", "--no-compile", str(wheel)],
        check=True, timeout=120,
    )  # fmt: skip
    # A path line adds one folder; the editable install's own .pth file inside it is not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin" / "keepwell"


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise SystemExit('a decoy was imported')\n", encoding="utf-8")
    (tmp_path / "cli.py").write_text("raise SystemExit('a decoy was imported')\n", encoding="utf-8")
    return tmp_path


def run(command: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWELL", "PYTHON"))}
    return subprocess.run(
        [str(command), *arguments],
        cwd=cwd, env=clean | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_wheel_ships_the_rooms_and_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {*ROOMS, "cli.py"}
    for needed in (
        "config/frameworks/cradle_to_grave.yaml",
        "config/fields/hubspot.yaml",
        "config/fields/salesforce.yaml",
        "dashboard/web/templates/base.html",
        "dashboard/web/static/keepwell.css",
        "dashboard/web/static/vendor/chart.umd.min.js",
        "dashboard/web/static/vendor/chart.LICENSE.md",
    ):
        assert needed in names
    assert any(name.startswith("store/migrations/versions/v0001") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".lock"))]


def test_everything_that_git_has_of_a_room_is_in_the_wheel(wheel: Path) -> None:
    """A template, a framework or a stylesheet that is left out shows only where there is no checkout."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *ROOMS]
    tracked = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in tracked if name not in packed and not name.endswith(".md")] == []
    assert {name for name in packed if name.endswith(".html")} <= set(tracked)


def test_the_command_runs_in_a_folder_full_of_decoys(keepwell: Path, decoys: Path) -> None:
    finished = run(keepwell, "config", "schema", cwd=decoys)
    assert finished.returncode == 0, finished.stderr
    assert "connections" in json.loads(finished.stdout)["properties"]
    assert run(keepwell, "--version", cwd=decoys).stdout.strip().endswith("0.1.0")


def test_shadowed_packages_are_named_in_one_sentence(keepwell: Path, decoys: Path) -> None:
    (decoys / "cli.py").unlink()  # the command itself must be ours; what it would import is not
    finished = run(keepwell, "config", "schema", cwd=decoys, PYTHONPATH=str(decoys))
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert str(decoys) in finished.stderr
    assert "Traceback" not in finished.stderr
