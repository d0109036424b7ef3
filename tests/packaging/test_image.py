"""The image cannot be built here (no container engine), so what the Dockerfile promises is read from it."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
FINAL = "\n".join(LINES[max(i for i, line in enumerate(LINES) if line.startswith("FROM ")) :])


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    (user,) = (line.split()[1] for line in FINAL.splitlines() if line.startswith("USER "))
    assert user.split(":")[0].isdigit()
    assert int(user.split(":")[0]) > 0


def test_safe_path_and_health_check_are_set() -> None:
    assert "PYTHONSAFEPATH=1" in FINAL
    assert "HEALTHCHECK" in FINAL
    assert '["keepwell", "status", "--max-age"' in FINAL


def test_it_copies_every_room_of_the_wheel_and_the_ignore_file_lets_them_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for room in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        assert any(line.startswith("COPY ") and room in line.split() for line in LINES), room
        assert f"!{room}" in allowed


def test_dependencies_are_installed_from_the_hash_pinned_lock() -> None:
    assert any("--require-hashes -r requirements.lock" in line for line in LINES)
