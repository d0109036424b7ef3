"""The one scorecard: a numeric scheme of 0 to 100, whose every score is a record that companies point to."""

from __future__ import annotations

from sandbox.gainsight.ids import gsid
from sandbox.gainsight.tenant import Row

SCORECARD_ID = gsid("scorecard_scheme", "scorecard")
_COLORS = ((75, "#2DCCA7"), (50, "#F9C13A"), (0, "#F05E5E"))


def score_id(score: int) -> str:
    """Return the GSID by which `CurrentScore` stands for a whole number of 0…100."""
    return gsid("scorecard_scheme", score)


def scheme_rows() -> dict[int, Row]:
    """Return the scheme's definitions by score."""
    return {
        score: {
            "Name": str(score), "Score": score, "Color": next(color for least, color in _COLORS if score >= least),
        }
        for score in range(101)
    }  # fmt: skip
