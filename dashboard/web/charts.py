"""Charts: a page draws each from the table beside it, which is also what a reader without sight or script gets."""

from __future__ import annotations

from typing import Literal

from dashboard.web.page import View

Tone = Literal["green", "yellow", "red", "unknown", "1", "2", "3", "4", "5", "6"]
"""Colour of a series: that of a band, or the n-th of the palette."""


class Series(View):
    """One line or set of bars; a missing value is None."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone = "1"
    notes: tuple[str | None, ...] = ()
    """What is to be said about single points, for instance that the framework changed; drawn as a mark."""


class Chart(View):
    """A chart and its table: the page draws the one from the other, so that they cannot differ."""

    kind: Literal["line", "bar", "area", "waterfall"]
    title: str
    across: str
    """What `labels` are, for instance `day`."""
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    least: float | None = None
    most: float | None = None
    stacked: bool = False
    level: bool = False
    """Whether bars lie down, with the labels beside them."""
