"""Commands for whoever writes a framework.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from dashboard import options as opt
from dashboard.answers import Answer, group, say
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


@verb(framework_app, "lint", example="keepwell framework lint ./ours.yaml")
def framework_lint(framework: opt.TestedFramework) -> Answer:
    """Find what loads, but cannot be meant.

    Each finding has file, line and key, why, and what to do. Exits with 3 when there is one.
    """
    from config.frameworks import lint_framework_file
    from dashboard.linted import lint_page, show_lint
    from sync.ending import EXIT_DONE, EXIT_ROWS

    data = lint_page(lint_framework_file(framework))
    return Answer(data, lambda out: show_lint(out, data), EXIT_ROWS if data["findings"] else EXIT_DONE)


@verb(framework_app, "docs", example="keepwell framework docs ./ours.yaml --out ours.md")
def framework_docs(framework: opt.TestedFramework, out: opt.PageOut = None, reader: opt.Reader = "leads") -> Answer:
    """Write a framework's rules, or what its fields mean, as a page to read.

    In Markdown. A file that has such rules already gets them anew and keeps what stands around them; the page
    for CRM users is written as a whole.
    """
    from config.frameworks import load_framework_file
    from dashboard.fieldguide import field_guide, save_guide
    from dashboard.handbook import Handbook, save_page

    loaded = load_framework_file(framework)
    for_users, book = reader == opt.CRM_USERS, Handbook(loaded)
    data = {"framework": loaded.name, "model_version": loaded.version}
    if out is None:
        page = field_guide(loaded) if for_users else book.page()
        return Answer(data | {"page": page}, lambda shown: shown.out(page, end="", highlight=False))
    if for_users:
        save_guide(loaded, out)
        return say(data | {"file": str(out)}, f"What the fields of {loaded.name} mean is in {out}.")
    save_page(book, out)
    return say(data | {"file": str(out)}, f"The rules of {loaded.name} are in {out}.")
