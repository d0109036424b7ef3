"""Calls the command line in this process, with an environment and a folder of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from cli import app

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path) -> Iterator[Invoke]:
    """`invoke("config", "check", TOKEN="x")`: arguments are words, keyword arguments variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWELL_", "HUBSPOT_"))}
    runner = CliRunner()

    def run(*words: str, **env: str) -> Result:
        with patch.dict(os.environ, clean | env, clear=True):
            return runner.invoke(app, list(words))

    with chdir(tmp_path):
        yield run
