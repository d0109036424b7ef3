"""How values look on a page, and that a vendored file is what its note says."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.web import shown
from dashboard.web.render import STATIC

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
NOTES = (STATIC / "vendor" / "README.md", Path(__file__).parent / "vendor" / "README.md")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (shown.number(1234.50), "1,234.5"),
        (shown.number(None), "–"),
        (shown.number(100.0), "100"),
        (shown.number(-0.04), "0"),
        (shown.percent(0.256), "26%"),
        (shown.money(Decimal("1234567.89"), "EUR"), "1,234,568 EUR"),
        (shown.money(None, "EUR"), "–"),
        (shown.signed(3.25, 2), "+3.25"),
        (shown.signed(-1.0), "−1"),
        (shown.signed(0.01), "±0"),
        (shown.plain(True), "yes"),  # noqa: FBT003 - the value that is shown
        (shown.plain("no_answer"), "no answer"),
        (shown.ago(NOW - timedelta(hours=3), NOW), "3 hours ago"),
        (shown.ago(NOW + timedelta(days=1), NOW), "in 1 day"),
        (shown.ago(NOW, NOW), "just now"),
        (shown.segment("a/b?c#d"), "a%2Fb%3Fc%23d"),
        (shown.query({"q": "a b", "band": ("red", "blue"), "after": None}, sort="name"),
         "?q=a+b&band=red&band=blue&sort=name"),
        (shown.query({"q": ""}), ""),
        (shown.coded("Type `a <b>`."), "Type <code>a &lt;b&gt;</code>."),
        (shown.coded("An odd ` <one"), "An odd ` &lt;one"),
        (shown.finalize(None), "–"),
        (shown.finalize("a\u202eb\n<"), "a\ufffdb <"),
    ],
)  # fmt: skip
def test_values_are_shown(made: object, text: str) -> None:
    assert str(made) == text


def test_a_moment_is_in_the_configured_zone_and_exact_for_machines() -> None:
    text = shown.moment(ZoneInfo("Europe/Copenhagen"))(NOW)
    assert str(text) == (
        '<time datetime="2026-06-30T12:00:00Z" title="2026-06-30 14:00:00 CEST">2026-06-30 14:00</time>'
    )


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.parent.parent.name)
def test_a_vendored_file_is_the_one_that_its_note_names(note: Path) -> None:
    text = note.read_text(encoding="utf-8")
    (name,) = set(re.findall(r"`([a-z.]+\.min\.js)`", text))
    (digest,) = re.findall(r"\b[0-9a-f]{64}\b", text)
    assert hashlib.sha256((note.parent / name).read_bytes()).hexdigest() == digest
