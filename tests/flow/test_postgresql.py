"""The same runs on PostgreSQL, in a schema of their own; skipped with a reason where there is no server."""

from __future__ import annotations

from pathlib import Path

from tests.flow.rig import rig
from tests.flow.test_first_and_second_run import check_first_and_second_run
from tests.flow.test_people import other_option


def test_both_crms_on_postgresql(tmp_path: Path, database: str) -> None:
    with rig(tmp_path, salesforce=True, store=database) as made:
        check_first_and_second_run(made)
        record = made.some_company()
        theirs = other_option(made, "cs_segment", made.company(record)["cs_segment"])
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})
        assert made.sync().exit_code == 3
        assert made.company(record)["cs_segment"] == theirs
