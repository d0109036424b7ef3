"""The README's sandbox session, typed exactly as it stands there, in an empty folder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]


def blocks(kind: str) -> list[str]:
    """README's shell blocks that are marked with `kind`."""
    return re.findall(rf"```sh {kind}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `keepwell` is this checkout."""
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "keepwell"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{ROOT / "cli.py"}" "$@"\n')
    command.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    return clean | {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@contextmanager
def serving(command: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the first terminal until the block ends; it must stop in order."""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command.strip()}"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def test_the_session_of_the_readme(tmp_path: Path, environment: dict[str, str]) -> None:
    ports = {"8701": free_port(), "8702": free_port()}
    (served,), typed = blocks("sandbox"), "".join(blocks("session"))
    for written, free in ports.items():
        served, typed = served.replace(written, free), typed.replace(written, free)
    served = f"{served.strip()} --accounts 40"  # what is typed is the same for any size
    folder = tmp_path / "empty"
    folder.mkdir()
    with serving(served, environment, folder):
        done = subprocess.run(
            ["/bin/sh", "-ex"], input=typed, cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert "Nothing to write: the CRMs already show what was computed." in done.stdout
    assert "exit code 3" in done.stdout
    assert "somebody changed it since Keepwell wrote it" in done.stdout
    assert "Health:" in done.stdout
    looked_at = free_port()
    typed_before = environment | dict(re.findall(r"^export (\w+)=(\S+)$", typed, re.MULTILINE))
    with (
        serving(blocks("dashboard")[0].replace("8400", looked_at), typed_before, folder),
        urlopen(f"http://127.0.0.1:{looked_at}/accounts.json", timeout=20) as page,
    ):
        assert json.load(page)["matching"] > 30
    assert sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [
        "keepwell.db",
        "keepwell.yaml",
        "plan.json",
        "week.html",
    ]
