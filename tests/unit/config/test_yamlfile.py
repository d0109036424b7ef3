"""YAML with line numbers, and the documents that must not get through."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigFileError
from config.yamlfile import MAX_BYTES, parse_yaml, read_yaml


def problem_of(text: str) -> str:
    with pytest.raises(ConfigFileError) as caught:
        parse_yaml(text, "k.yaml")
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_every_key_and_item_knows_its_line() -> None:
    document = parse_yaml("a: 1\nb:\n  c: x\n  d:\n    - one\n    - {e: 2}\n", "k.yaml")
    assert document.data == {"a": 1, "b": {"c": "x", "d": ["one", {"e": 2}]}}
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "d", 1, "e")) == 6
    assert document.line(("b", "missing", "deeper")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "k.yaml:3: a: this key is already given on line 1. Keep one of the two."),
        ("a: {b: 1, b: 2}", "k.yaml:1: a.b: this key is already given on line 1. Keep one of the two."),
        ("- 1\n- 2\n", "k.yaml: must be a mapping of keys to values."),
        ("when: 2026-13-45", "k.yaml:1: when: is not a valid value: month must be in 1..12."),
        ("? [a, b]\n: 1\n", "k.yaml:1: a key must be plain text."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    assert problem_of(text) == message


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: 'x", "a: b: c", "\tx: 1", "a: *nowhere", "a: !!python/object:os.system x"]
)
def test_broken_yaml_is_one_sentence_with_a_line(text: str) -> None:
    message = problem_of(text)
    assert message.startswith(("k.yaml:1: ", "k.yaml:2: "))
    assert "is not valid YAML" in message or "could not determine a constructor" in message


def test_an_alias_bomb_is_stopped() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "expands to too many values" in problem_of("\n".join(levels))


def test_a_document_that_contains_itself_is_stopped() -> None:
    assert "too many values" in problem_of("a: &a {b: *a}")


def test_deep_nesting_is_stopped() -> None:
    assert "k.yaml" in problem_of("a: " + "[" * 5000 + "]" * 5000)


def test_aliases_are_allowed_in_moderation() -> None:
    assert parse_yaml("a: &x {b: 1}\nc: *x\n", "k").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing, folder, binary, huge = (tmp_path / name for name in ("missing", "folder", "binary", "huge"))
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe\x00a")
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, words in (
        (missing, "no such file"),
        (folder, "cannot be read"),
        (binary, "not UTF-8"),
        (huge, "larger than"),
    ):
        with pytest.raises(ConfigFileError, match=words):
            read_yaml(path)


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    path = tmp_path / "k.yaml"
    path.write_text("# nothing\n")
    assert read_yaml(path).data == {}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        document = parse_yaml(text, "k.yaml")
    except ConfigFileError as error:
        problems = error.problems
    else:
        problems = ()
        assert isinstance(document.data, dict)
    assert all(problem.message and "\n" not in problem.message for problem in problems)
