"""Values that no client should send, and how to plant one of them anywhere in a JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 2**70, 1e400, "", "x", "²", "\ud800", [], {}, [None], ["x"], [[]], [{}], {"a": 1}]
    ),
    st.text(max_size=4),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def planted(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """Return a copy of a JSON document with `junk` at one place."""
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = planted(value[path[0]], path[1:], junk)
    return copy
