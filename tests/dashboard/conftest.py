"""Stores to look at; each kind in turn where the store matters."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.kit import World, fill, world
from tests.flow.conftest import database, databases, either_store  # noqa: F401 - fixtures of these tests too


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a small portfolio, to copy: its schema takes longer to make than all else."""
    path = tmp_path_factory.mktemp("filled") / "keepwell.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture
def store_url(either_store: str | None, tmp_path: Path) -> str:  # noqa: F811
    """The address of an empty store, of each kind in turn."""
    return either_store or f"sqlite:///{tmp_path / 'keepwell.db'}"


@pytest.fixture
def here(filled: Path, tmp_path: Path) -> Iterator[World]:
    """The dashboard over a small portfolio in a file."""
    shutil.copy(filled, tmp_path / "keepwell.db")
    made = world(f"sqlite:///{tmp_path / 'keepwell.db'}")
    yield made
    made.parts.shelf.close()


@pytest.fixture
def whole(store_url: str, filled: Path) -> Iterator[World]:
    """The dashboard over a small portfolio, in each kind of store in turn."""
    if store_url.startswith("sqlite:///"):
        shutil.copy(filled, store_url.removeprefix("sqlite:///"))
    else:
        fill(store_url)
    made = world(store_url)
    yield made
    made.parts.shelf.close()
