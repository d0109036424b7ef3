"""What every test has in common: in CI, Hypothesis tries the same cases each time; elsewhere it goes on searching."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
