"""The README's sandbox session, typed exactly as it stands there, in an empty folder."""

import json
import re
from pathlib import Path
from urllib.request import urlopen

from tests.flow.typed import blocks, elsewhere, free_port, serving, typed, with_tools

README = "README.md"


def test_the_session_of_the_readme(tmp_path: Path) -> None:
    environment, ports = with_tools(tmp_path), {"8701": free_port(), "8702": free_port()}
    (served,) = blocks(README, "sh sandbox")
    session = elsewhere("".join(blocks(README, "sh session")), ports)
    folder = tmp_path / "empty"
    folder.mkdir()
    # What is typed is the same for any size of the portfolio.
    with serving(f"{elsewhere(served, ports).strip()} --accounts 40", environment, folder):
        shown = typed(session, environment, folder)
    assert "Nothing to write: the CRMs already show what was computed." in shown
    assert "exit code 3" in shown
    assert "somebody changed it since Keepwell wrote it" in shown
    assert "Health:" in shown
    looked_at = free_port()
    (dashboard,) = blocks(README, "sh dashboard")
    typed_before = environment | dict(re.findall(r"^export (\w+)=(\S+)$", session, re.MULTILINE))
    with (
        serving(dashboard.replace("8400", looked_at), typed_before, folder),
        urlopen(f"http://127.0.0.1:{looked_at}/accounts.json", timeout=20) as page,
    ):
        assert json.load(page)["matching"] > 30
    assert sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [
        "keepwell.db",
        "keepwell.yaml",
        "plan.json",
        "week.html",
    ]
