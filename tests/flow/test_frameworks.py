"""Every shipped framework can be published: both CRMs take its properties, and it comes to rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.frameworks import load_framework_file, shipped_frameworks
from tests.flow.rig import Rig, rig


@pytest.mark.parametrize("name", shipped_frameworks())
def test_both_crms_take_what_a_framework_says(tmp_path: Path, name: str) -> None:
    with rig(tmp_path, accounts=12, salesforce=True, provision=False) as made:
        published = Rig(made.crm, made.settings.model_copy(update={"framework": name}), made.events)
        published.provision()
        first = published.sync()
        assert (first.status, first.framework) == ("complete", name)
        assert first.buckets().confirmed > 50
        assert published.sync().to_dict()["plan"]["changes"] == 0
        written = {one["new"] for one in published.ours() if one["property"] == "cs_lifecycle_stage"}
    assert len(written) > 1
    assert written <= {stage.id for stage in load_framework_file(name).spec.stages}
