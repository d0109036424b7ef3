"""Values as they are kept: the same for a record whether REST brought it as JSON or a bulk job as text.

A pull that changes its way would otherwise find every record changed. Numbers of decimal fields are floats and those
of whole fields ints, instants end with `Z`, an empty cell is null, and what does not fit its field's type stays as it
came, so that the one who reads it can say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

_DECIMAL = frozenset({"double", "currency", "percent"})
_WHOLE = frozenset({"int", "long"})
_BOOLEANS: Mapping[str, object] = {"": None, "true": True, "false": False}

Converter = Callable[[object], object]


def of_column(cells: Sequence[str], kind: str) -> Sequence[object]:
    """The values of a column of a bulk result whose field is of type `kind` (describe's name)."""
    if kind == "boolean":
        return [_BOOLEANS.get(cell, cell) for cell in cells]
    if kind in _DECIMAL or kind in _WHOLE:
        return _numbers(cells, whole=kind in _WHOLE)
    if "" in cells:
        return [cell or None for cell in cells]
    return cells


def of_json(kind: str) -> Converter | None:
    """What to do with a JSON value of a field of type `kind`; None for nothing."""
    if kind in _DECIMAL:
        return _decimal
    if kind in _WHOLE:
        return _whole
    return _instant if kind == "datetime" else None


def _numbers(cells: Sequence[str], *, whole: bool) -> Sequence[object]:
    try:
        found: list[object] = (
            [int(cell) if cell else None for cell in cells]
            if whole
            else [float(cell) if cell else None for cell in cells]
        )
    except ValueError:
        return [_number(cell, whole=whole) for cell in cells]
    # Of finite numbers the sum is finite, unless it overflows, and then each is looked at as well.
    if not whole and not isfinite(sum(filter(None, found))):  # type: ignore[arg-type]
        return [_number(cell, whole=whole) for cell in cells]
    return found


def _number(cell: str, *, whole: bool) -> object:
    try:
        value = float(cell)
    except ValueError:
        return cell or None
    if not isfinite(value):
        return cell
    return _whole(value) if whole else value


def _decimal(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _instant(value: object) -> object:
    return f"{value[:-5]}Z" if isinstance(value, str) and value.endswith("+0000") else value
