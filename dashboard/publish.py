"""Hands the metrics of a run that ended to node_exporter and a push gateway; whatever happens there, the run is over.

The gateway is spoken to in a thread of its own, because it may accept a connection and never say a word.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from config.observing import Metrics
from dashboard.logs import log_event
from dashboard.tofile import save
from store import Store

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry


def publish(wanted: Metrics, store: Store) -> None:
    """Write the textfile and push, as far as they are configured; what does not work is a line in the log."""
    if wanted.textfile is None and wanted.push_gateway is None:
        return
    from dashboard.metrics import registry

    try:
        found = registry(store)
    except Exception as error:  # noqa: BLE001 - the run is over and said how it ended
        log_event("metrics.not_written", reason=str(error) or type(error).__name__)
        return
    if wanted.textfile is not None:
        _write(wanted.textfile, found)
    if wanted.push_gateway is not None:
        _push_aside(wanted, store.workspace, found)


def _write(place: Path, found: CollectorRegistry) -> None:
    from prometheus_client.exposition import generate_latest

    try:
        save(place, generate_latest(found).decode())
    except OSError as error:
        log_event("metrics.not_written", reason=f"{place}: {error.strerror or error}")


def _push_aside(wanted: Metrics, workspace: str, found: CollectorRegistry) -> None:
    """Push, and wait at most as long as is configured; a daemon, because what it is stuck in may never end."""
    failed: list[str] = []

    def push() -> None:
        try:
            _push(wanted, workspace, found)
        except Exception as error:  # noqa: BLE001 - any trouble there is no trouble of the run
            failed.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=push, name="push", daemon=True)
    thread.start()
    thread.join(wanted.push_seconds)
    if thread.is_alive():
        failed.append(f"no answer within {wanted.push_seconds:g} s")
    for reason in failed[:1]:
        log_event("metrics.not_pushed", reason=reason)


def _push(wanted: Metrics, workspace: str, found: CollectorRegistry) -> None:
    from prometheus_client.exposition import push_to_gateway

    push_to_gateway(
        str(wanted.push_gateway),
        job=wanted.push_job,
        registry=found,
        grouping_key={"workspace": workspace},
        timeout=wanted.push_seconds,
        handler=_handler(wanted),
    )


def _handler(wanted: Metrics) -> Callable[..., Callable[[], None]]:
    from prometheus_client.exposition import basic_auth_handler, default_handler

    if wanted.push_password is None:
        return default_handler
    return partial(basic_auth_handler, username=wanted.push_username, password=wanted.push_password.get_secret_value())
