"""The table in README.md is complete, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| (\d+) \|.*`([\w/.]+)::(\w+)` \|$", (HERE / "README.md").read_text("utf-8"), re.MULTILINE)
READING = {*range(1, 14), 16, 19, 20, 23, 24, *range(42, 47)}
WRITING = {14, 15, 17, 18, 21, 22, *range(25, 42), 50, 51}


def test_every_row_about_reading_writing_and_the_store_has_a_test() -> None:
    assert {int(row) for row, _file, _name in ROWS} == READING | WRITING


def test_every_test_of_the_table_exists_and_every_test_is_in_it() -> None:
    for _row, file, name in ROWS:
        assert f"def {name}(" in (HERE.parent / file).read_text(encoding="utf-8"), name
    named = {name for _row, _file, name in ROWS}
    there = {
        name
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_row_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert there <= named
    assert all(f"test_row_{int(row):02}_" in name or not name.startswith("test_row_") for row, _file, name in ROWS)
