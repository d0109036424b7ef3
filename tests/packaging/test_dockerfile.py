"""The Dockerfile's own steps, without a container engine: what they make runs as nobody, on code it cannot write."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
PREFIX = "/opt/keepwell"
pytestmark = pytest.mark.long


def instructions() -> list[tuple[str, str]]:
    """Instruction and its words, continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def last_environment() -> dict[str, str]:
    """What ENV of the last stage sets."""
    found: dict[str, str] = {}
    for instruction, words in instructions():
        if instruction == "FROM":
            found = {}
        elif instruction == "ENV":
            found |= dict(pair.split("=", 1) for pair in shlex.split(words))
    return found


@dataclass(frozen=True, slots=True)
class Image:
    """What the steps made: the installed tree, a data folder of nobody's, the environment of the last stage."""

    tree: Path
    data: Path
    environment: dict[str, str]

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it as nobody, without any capability."""
        drop: list[str] = []
        if os.geteuid() == 0:
            ids = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--no-new-privs"]
            drop = [
                "setpriv",
                *ids,
                *(f"--{kind}={_capabilities()}" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
            ]
        return subprocess.run(
            [*drop, *words], cwd=self.data, env=self.environment | more, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Carry out the first stage's COPY and RUN, then the last stage's ENV."""
    home = Path(tempfile.mkdtemp(prefix="keepwell-image-"))
    try:
        home.chmod(0o755)
        yield build(home)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(home)], check=True)
        shutil.rmtree(home)


def build(home: Path) -> Image:
    source, tree, data = home / "src", home / "opt", home / "data"
    source.mkdir()
    data.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | _proxies()
    final = last_environment()
    stages = 0
    for instruction, words in instructions():
        stages += instruction == "FROM"
        if stages == 1 and instruction == "COPY":
            *names, to = words.split()
            for name in names:
                target = source / to if len(names) == 1 and to != "./" else source / name
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
        elif stages == 1 and instruction == "RUN":
            step = words.replace("python -m venv", f"{_base_python()} -m venv").replace(PREFIX, str(tree))
            done = subprocess.run(["sh", "-euc", step], cwd=source, env=environment, capture_output=True, text=True,
                                  timeout=900, check=False)  # fmt: skip
            assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    for name, value in final.items():
        moved = value.replace(PREFIX, str(tree)).replace("/data/", f"{data}/")
        final[name] = moved.replace("$PATH", os.environ["PATH"])
    subprocess.run(["chmod", "-R", "a-w", str(tree)], check=True)
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    return Image(tree, data, final | {"KEEPWELL_CONFIG": str(data / "keepwell.yaml")})


def _base_python() -> str:
    """The interpreter behind the environment that the tests run in."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _capabilities() -> str:
    """None; only where the interpreter lies in a folder of root's, the one to read what is there."""
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in Path(_base_python()).resolve().parents)
    return "-all" if open_to_all else "-all,+dac_read_search"


def _proxies() -> dict[str, str]:
    """How pip reaches the package index from here."""
    wanted = ("PIP_", "HTTP", "http", "SSL_", "REQUESTS_")
    return {name: value for name, value in os.environ.items() if name.startswith(wanted)}


def words_of(instruction: str) -> list[str]:
    """The words of the last such instruction, given as a JSON list."""
    found = [words for name, words in instructions() if name == instruction][-1]
    listed: list[str] = json.loads(found[found.index("[") :])
    return listed


def test_the_entry_point_runs_the_whole_job_as_nobody_and_leaves_the_code_alone(image: Image) -> None:
    before = sorted(image.tree.rglob("*"))
    (entry,) = words_of("ENTRYPOINT")
    version = image.run(entry, "--version")
    assert version.stdout.startswith("keepwell 0.1.0"), version.stderr
    whoami = image.run("python", "-c", "import os; print(os.getuid())")
    assert (os.geteuid() != 0) or int(whoami.stdout) == NOBODY
    touched = image.run("sh", "-c", f"touch {image.tree}/x")
    assert touched.returncode != 0, "the code can be written"
    done = image.run(entry, "demo", "--accounts", "6", "--json")
    assert done.returncode in (0, 3), done.stderr[-3_000:]
    assert json.loads(done.stdout)["exit_code"] == done.returncode
    assert sorted(image.tree.rglob("*")) == before, "compiled files, or worse, beside the code"


def test_the_default_command_and_the_health_check_say_what_is_missing(image: Image) -> None:
    (entry,) = words_of("ENTRYPOINT")
    sync = image.run(entry, *words_of("CMD"))
    assert sync.returncode == 2
    assert "keepwell.yaml" in sync.stderr
    (image.data / "keepwell.yaml").write_text("connections: {hubspot: {type: hubspot, access_token: abcdefgh}}\n")
    check = image.run(*words_of("HEALTHCHECK"))
    assert check.returncode == 1, "no store yet: unhealthy"
    assert "no store" in check.stderr
    made = image.run(entry, "db", "upgrade")
    assert made.returncode == 0, made.stderr
    assert (image.data / "keepwell.db").stat().st_mode & 0o077 == 0


def test_a_folder_full_of_decoys_changes_nothing(image: Image) -> None:
    for room in ("config", "sync", "store"):
        (image.data / room).mkdir(exist_ok=True)
        (image.data / room / "__init__.py").write_text("raise SystemExit('a decoy was imported')\n")
    assert image.run("keepwell", "config", "schema").returncode == 0
