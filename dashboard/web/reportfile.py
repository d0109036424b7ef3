"""A report as one HTML file: the dashboard's own templates, style sheet and charts, with everything inside.

The file asks for nothing: its policy lets only what has these hashes run or style it, so that no text of a CRM does.
"""

from __future__ import annotations

import base64
import hashlib
import re
from zoneinfo import ZoneInfo

from markupsafe import Markup

from dashboard.documents import heading
from dashboard.web.render import STATIC, environment
from mapping.reports.document import Document

ROWS = 100
"""So many rows of a table are in the file; CSV and JSON have them all."""
_STYLE = "keepwell.css"
_SCRIPTS = ("vendor/chart.umd.min.js", "keepwell.js")
_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


def report_html(document: Document) -> str:
    """A page that opens from a disk, without a network, in light and dark, and on paper."""
    style, scripts = _read(_STYLE), [_read(name) for name in _SCRIPTS]
    allowed = {"style-src": [style], "script-src": scripts}
    sources = [f"{key} {' '.join(map(_hash, texts))}" for key, texts in allowed.items()]
    policy = "; ".join(["default-src 'none'", "base-uri 'none'", "form-action 'none'", *sources])
    template = environment(ZoneInfo("UTC")).get_template("report_file.html")
    return template.render(
        doc=document,
        heading=heading(document),
        policy=policy,
        style=Markup(style),  # noqa: S704 - files of ours  # nosec B704
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of ours  # nosec B704
        limit=ROWS,
    )


def _read(name: str) -> str:
    """A file of ours, which cannot end the element that it stands in."""
    text = _MAP.sub("", (STATIC / name).read_text(encoding="utf-8"))
    if re.search(r"</(script|style)", text, re.IGNORECASE):
        raise ValueError(f"{name} cannot stand inside a page.")
    return text


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
