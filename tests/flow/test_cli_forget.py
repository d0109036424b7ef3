"""`keepwell forget` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from dashboard.forgotten import PLACES, place, show_forgotten
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from store.sweep import LEFT_OUT
from store.tables import metadata
from tests.flow.test_cli_trouble import ROOT, Run, caller
from tests.unit.cli.test_terminal import HOSTILE, screen


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, str]]:
    """The command line after a pull, and the address of somebody who owns accounts."""
    folder: Path = tmp_path_factory.mktemp("forget")
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        portfolio = Portfolio(10, 7, date(2026, 11, 20))
        with running(portfolio, state_dir=folder, salesforce=False, hubspot_options=options) as crms:
            run = caller(crms, folder)
            assert run("pull").exit_code == 0
            yield run, crms.hubspot.portal.owners[0].email


def test_nobody_is_forgotten_without_being_asked(typed: tuple[Run, str]) -> None:
    run, email = typed
    refused = run("forget", "--person", email)
    assert refused.exit_code == 2
    assert "Look at it with --dry-run first, then say --yes." in refused.stderr
    assert run("forget", "--person", email, "--no-input").exit_code == 2
    assert run("forget", "--yes").exit_code == 2


@pytest.mark.long
@pytest.mark.parametrize(("typed_in", "said"), [(b"n\n", ""), (b"y\n", "Forgotten. Digests stay")])
def test_a_person_at_a_terminal_is_asked(typed: tuple[Run, str], typed_in: bytes, said: str) -> None:
    _, email = typed
    ours, theirs = os.openpty()
    os.write(ours, typed_in)
    other = "nobody@example.com" if said else email
    words = [sys.executable, str(ROOT / "cli.py"), "forget", "--person", other]
    done = subprocess.run(words, stdin=theirs, capture_output=True, text=True, timeout=120, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "Forget this? There is no way back." in done.stderr
    assert said in done.stdout
    assert bool(said) == bool(done.stdout.strip())


def test_what_is_held_is_shown_and_then_forgotten(typed: tuple[Run, str]) -> None:
    run, email = typed
    shown = run("forget", "--person", email, "--dry-run").stdout
    assert "Nothing was changed." in shown
    assert "Out of reach: the CRM itself" in shown
    page = json.loads(run("forget", "--person", email, "--dry-run", "--json").stdout)
    assert page.keys() == {"about", "held", "rows", "out_of_reach", "notes", "done", "erased"}
    assert (page["done"], page["erased"]) == (False, None)
    assert page["held"]["entity_owner"] == 1
    done = json.loads(run("forget", "--person", email, "--yes", "--json").stdout)
    assert done["held"] == page["held"]
    assert (done["done"], done["erased"]) == (True, True)
    again = run("forget", "--person", email, "--yes")
    assert (again.exit_code, "The store holds nothing of it in clear text." in again.stdout) == (0, True)


def test_every_place_has_a_name_for_people() -> None:
    tables = set(metadata.tables) - set(LEFT_OUT) | {"raw_alias"}
    assert {name for name in tables if place(name) == name} == set()
    assert set(PLACES) <= set(metadata.tables)


def test_text_of_a_crm_does_nothing_on_a_terminal() -> None:
    page = {"about": HOSTILE, "held": {"run": 1}, "notes": [HOSTILE], "done": True, "out_of_reach": ["logs"]}
    assert "\x1b" not in screen(show_forgotten, page)
