"""The command that tries another framework without publishing it.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

import os
from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer
from verbs.base import app, run_deps, verb


@verb(app, example="keepwell simulate --framework ./ours.yaml")
def simulate(config: Path, framework: opt.OtherFramework, as_of: opt.AsOf = None) -> Answer:
    """Show what another framework would change.

    Works from the store alone: asks no CRM, stores and writes nothing.
    """
    from config.frameworks import load_framework_file
    from config.load import is_path
    from dashboard.simulated import show_simulation
    from sync.simulate import simulate as compare

    other = load_framework_file(framework)
    with run_deps(config, create=False) as deps:
        data = compare(deps, other, as_of)
    # A path in a configuration counts from that file's folder, not from where the command was typed.
    named = f"./{os.path.relpath(framework, config.parent)}" if is_path(framework) else framework
    return Answer(data, lambda out: show_simulation(out, data, named))
