"""What the dashboard shows and only the engine can work out: reports, made from the store alone."""

from config.settings import Settings
from dashboard.answers import program_version
from mapping.reports.document import Document


class Reports:
    """Makes a report with what a run is given, assembled anew each time: the store may have come or changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def make(self, name: str) -> Document:
        """A report by the name that pages ask for; raises `NotReckoned` with what to do."""
        from dashboard.kpis import kpis_document
        from dashboard.web.reckoned import NotReckoned
        from store.errors import StoreError
        from sync.assemble import assemble
        from sync.errors import SyncError
        from sync.kpis import report_kpis
        from sync.periodic import report_periodic

        try:
            deps = assemble(self._settings, version=program_version(), create=False, read_only=True)
            try:
                kind, _, kpi = name.partition(":")
                if kind == "kpis":
                    return kpis_document(report_kpis(deps, accounts=kpi or None))
                return report_periodic(deps, name)
            finally:
                deps.close()
        except (SyncError, StoreError) as error:
            raise NotReckoned(error.message, error.hint) from error
