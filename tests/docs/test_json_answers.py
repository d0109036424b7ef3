"""What commands print with `--json`, in a whole workspace's life, has its documented shape and no other key."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from typer.testing import CliRunner

from cli import app
from tests.docs.answered import Said, lived
from tests.docs.test_documented import ALL
from tests.docs.test_json_shapes import SHAPES, parts, shape_of, validator

BY_ITSELF = {"keepwell serve", "keepwell config hash-password"}
"""The dashboard's server is asked in tests/dashboard, the other one below."""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Said]]:
    """Shape → answers that are to have it."""
    found: dict[str, list[Said]] = defaultdict(list)
    with lived(tmp_path_factory.mktemp("lived")) as said:
        for one in said:
            found["failed" if "error" in one.data else shape_of(one.command)].append(one)
    return found


@pytest.mark.parametrize(
    "name", sorted({shape_of(command) for command in ALL if command not in BY_ITSELF} | {"failed"})
)
def test_every_answer_has_its_shape(heard: dict[str, list[Said]], name: str) -> None:
    assert heard[name], "the life in answered.py never has this command answer"
    wrong = [
        f"keepwell {' '.join(one.words)}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for one in heard[name]
        for error in validator(name).iter_errors(one.data)
    ]
    assert wrong == []


def test_what_is_not_always_there_was_seen_both_ways(heard: dict[str, list[Said]]) -> None:
    """A key that is not required is one that some answers lack: else it is required and the shape is too lenient."""
    lenient = []
    for name, answers in heard.items():
        shape = SHAPES[name]
        optional = set(shape.get("properties", {})) - set(shape.get("required", ()))
        if name in ("runs-show", "demo", "sandbox"):  # without what a run under way or a failed tour lacks
            continue
        lenient += [(name, key) for key in optional if all(key in one.data for one in answers)]
    assert lenient == []


def test_a_hash_has_its_shape() -> None:
    made = CliRunner().invoke(app, ["config", "hash-password", "--json"], input="correct horse battery\n")
    assert list(validator("config-hash-password").iter_errors(json.loads(made.stdout))) == []


def test_an_unknown_key_would_be_noticed(heard: dict[str, list[Said]]) -> None:
    assert sum(one.get("additionalProperties") is False for one in parts(SHAPES)) > 100
    (first, *_) = heard["doctor"]
    first.data["checks"][0]["more"] = 1
    assert [one.validator for one in validator("doctor").iter_errors(first.data)] == ["additionalProperties"]
    del first.data["checks"][0]["more"]
