"""The settings in force, for admins: every value with where it comes from, secrets masked."""

from __future__ import annotations

from typing import Any

from config.describe import effective
from dashboard.web.page import Asked, Look, Page, View


class Setting(View):
    """One value; `origin` is a file with its line, a variable, a secret file or the default."""

    key: str
    value: Any
    origin: str


class SettingsView(View):
    """What `keepwell config check` shows."""

    file: str
    framework: str
    model_version: str
    settings: tuple[Setting, ...]


def settings(look: Look, _asked: Asked) -> SettingsView:
    """The settings that the server was started with."""
    source = look.settings.source
    return SettingsView(
        file=source.document.file if source is not None else "settings",
        framework=look.framework.name,
        model_version=look.framework.version,
        settings=tuple(Setting(key=one.key, value=one.value, origin=one.origin) for one in effective(look.settings)),
    )


PAGE = Page("/settings", "Settings", "settings.html", settings, Asked, nav="Settings", needs="admin")
