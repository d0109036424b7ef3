"""A folder with a configuration that works, to be varied by the tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.load import load_settings
from config.settings import Settings

MINIMAL = """\
connections:
  hubspot:
    type: hubspot
    access_token: ${TOKEN}
"""
TOKEN = "pat-na1-11111111-2222"

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a file and load it; keyword arguments are environment variables."""

    def load_text(text: str = MINIMAL, **env: str) -> Settings:
        path = tmp_path / "keepwell.yaml"
        path.write_text(text)
        return load_settings(path, {"TOKEN": TOKEN} | env)

    return load_text
