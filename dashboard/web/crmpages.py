"""Where records are opened in their CRMs: what the settings and the store tell, nothing that a CRM's text says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from store import pins


class CrmPages:
    """Addresses of records for one page; asks the store once which CRM account a connection leads to."""

    def __init__(self, c: Connection, settings: Settings) -> None:
        self._c = c
        self._settings = settings
        self._identities: dict[str, str] = {}

    def of(self, connection: str, object_name: str, record_id: str) -> str | None:
        """The address, https; None where there is none: a sandbox, another object, a CRM whose address is not known."""
        own: Any = self._settings.connections.get(connection)
        if own is None:
            return None
        if connection not in self._identities:
            pin = pins.get(self._c, self._settings.workspace, connection)
            self._identities[connection] = pin.identity if pin is not None else ""
        found: str | None = own.record_page(self._identities[connection], object_name, record_id)
        return found
