"""What is stored of an evaluation: values in canonical text with their hash, and what the reasons are made of.

Made for all accounts at once, column by column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from math import isfinite

import polars as pl

from mapping.canonical import canonical
from mapping.details import json_value
from mapping.engine import Evaluation
from mapping.records import MEASURE, STAMP_FIELD, FieldSpec
from store.types import JsonText, dump_json
from sync.because import TOLD
from sync.columns import each
from sync.errors import InvariantError


def computed(evaluation: Evaluation, specs: Sequence[FieldSpec]) -> pl.DataFrame:
    """The frame of an evaluation with a column for each of `specs`; measures are made only where one is among them."""
    return evaluation.with_measures() if any(spec.name.startswith(MEASURE) for spec in specs) else evaluation.frame


def canonical_rows(frame: pl.DataFrame, specs: Sequence[FieldSpec]) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Account id and what is written of it, in canonical text."""
    names = [spec.name for spec in specs]
    for account_id, *values in canonical_frame(frame, specs).iter_rows():
        yield account_id, dict(zip(names, values, strict=True))


def canonical_frame(frame: pl.DataFrame, specs: Sequence[FieldSpec]) -> pl.DataFrame:
    """`account_id` and what is written of each account, in canonical text."""
    return frame.select("account_id", *(each(frame.get_column(spec.name), _canonical(spec)) for spec in specs))


def canonical_text(spec: FieldSpec, value: object) -> str | None:
    """Canonical text; a binary float is cut to the decimals that the CRM's property has.

    What is no number would be stored and sent as a word; the frameworks make no such value.
    """
    if isinstance(value, float) and not isfinite(value):
        raise InvariantError(
            f"The computed value of {spec.name} is {value}, not a number; nothing was written.",
            hint="Please report this with the framework's metrics and scores.",
        )
    return canonical(spec, round(value, spec.decimals) if isinstance(value, float) else value)


def values_hashes(values: pl.DataFrame) -> list[str]:
    """Identity of what was computed of each account (`canonical_frame`), the time of computing left out."""
    return [
        hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        for text in _documents(values.drop("account_id", STAMP_FIELD, strict=False)).to_list()
    ]


def outputs(values: pl.DataFrame, told: pl.DataFrame) -> list[JsonText]:
    """The document of each account: `values` (`canonical_frame`) and what the reasons need besides (`told`)."""
    besides = told.select(each(told.get_column(name), json_value_text) for name in TOLD)
    texts = pl.DataFrame({"told": _objects(besides), "values": _documents(values.drop("account_id"))})
    return [JsonText(text) for text in _objects(texts).to_list()]


def json_value_text(value: object) -> str:
    """A computed value as JSON."""
    return dump_json(json_value(value))


def _canonical(spec: FieldSpec) -> Callable[[object], str | None]:
    return lambda value: canonical_text(spec, value)


def _documents(texts: pl.DataFrame) -> pl.Series:
    """One JSON object a row of text columns, as `dump_json` writes it."""
    return _objects(texts.select(each(column, dump_json) for column in texts))


def _objects(members: pl.DataFrame) -> pl.Series:
    """One JSON object a row of columns whose values are JSON already, keys in order."""
    parts: list[pl.Expr] = []
    for name in sorted(members.columns):
        parts += [pl.lit(f"{',' if parts else '{'}{dump_json(name)}:"), pl.col(name)]
    return members.select(text=pl.concat_str(*parts, pl.lit("}"))).get_column("text")
