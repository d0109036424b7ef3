"""The bill of materials is the lock, and two made of it are one and the same."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def made(out: Path) -> dict[str, object]:
    """What the recipe of `make sbom` makes, written to `out`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^sbom:.*\n(?:\t.*\n)*?\t@\$\(BIN\)/(cyclonedx-py .*)$", makefile, re.MULTILINE)
    assert recipe is not None
    command = shlex.split(recipe[1].replace("build/sbom.json", str(out)))
    command[0] = str(Path(sys.executable).parent / command[0])
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    found: dict[str, object] = json.loads(out.read_text(encoding="utf-8"))
    return found


@pytest.mark.long
def test_it_lists_what_is_locked_with_its_hashes(tmp_path: Path) -> None:
    bill = made(tmp_path / "sbom.json")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s;\\]+)", lock, re.MULTILINE))
    listed = {one["name"]: one["version"] for one in bill["components"]}  # type: ignore[attr-defined]
    assert listed == locked
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "keepwell"  # type: ignore[index]
    assert bill == made(tmp_path / "again.json")
