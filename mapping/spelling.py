"""What a name that does not exist could have been meant for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """At most `most` of the `known` names that `name` resembles, its case aside, the nearest first.

    `cutoff` is the share of a name that has to be the same, from 0 to 1.
    """
    folded = {one.casefold(): one for one in sorted(known)}
    return [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=cutoff)]


def did_you_mean(name: str, known: Iterable[str], *, most: int = 1, otherwise: str = "") -> str:
    """`; did you mean this or that?` to end a message with, `otherwise` where nothing is near."""
    near = nearest(name, known, most=most)
    return f"; did you mean {' or '.join(near)}?" if near else otherwise
