"""Commands for whoever writes a framework.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, verb

framework_app = group("For whoever writes a framework.", app, "framework")


@verb(framework_app, "test", example="keepwell framework test ./ours.yaml")
def framework_test(framework: opt.TestedFramework) -> Answer:
    """Run the tests that stand beside a framework.

    They are in NAME.tests.yaml beside NAME.yaml. Exits with 1 when one fails.
    """
    from config.frameworks import load_framework_file, load_framework_tests
    from dashboard.tested import show_tests, tests_page
    from mapping.examples import judge
    from sync.ending import EXIT_DONE, EXIT_FAILED

    loaded = load_framework_file(framework)
    data = tests_page(loaded, judge(load_framework_tests(framework, loaded), loaded))
    return Answer(data, lambda out: show_tests(out, data), EXIT_FAILED if data["failed"] else EXIT_DONE)
