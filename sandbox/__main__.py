"""`python -m sandbox`: the CRMs on loopback until a signal ends them."""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from sandbox.world.shape import Shape


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0, or 2 when the servers cannot start."""
    options = _parser().parse_args(arguments)
    portal = HubSpotOptions(burst=options.hubspot_burst, index_delay=options.index_delay,
                            latency_ms=options.latency_ms)  # fmt: skip
    portfolio = Portfolio(options.accounts, options.seed, options.today, options.days, options.shape)
    try:
        with _told_to_stop(at_end_of_input=options.exit_with_parent) as told, running(
            portfolio, hubspot_port=options.hubspot_port, salesforce_port=options.salesforce_port,
            hubspot_options=portal, with_gainsight=options.with_gainsight, gainsight_port=options.gainsight_port,
            state_dir=options.state_dir,
        ) as handle:  # fmt: skip
            _announce(handle, as_json=options.json)
            select.select([told], [], [])
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot start: {error}. Choose other ports or leave them out.\n")
        return 2
    return 0


@contextmanager
def _told_to_stop(*, at_end_of_input: bool) -> Iterator[int]:
    """A pipe that can be read when a signal came. A lock would not do: whom the signal interrupts may hold it."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    woken = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    if at_end_of_input:
        threading.Thread(target=_stop_at_end_of_input, name="parent", daemon=True).start()
    try:
        yield told
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)


def _stop_at_end_of_input() -> None:
    """Wait until nobody holds the other end of standard input any more: the parent ended, however it did."""
    try:
        while os.read(0, 4_096):
            continue
    except OSError:
        sys.stderr.write("Standard input is not open: the sandbox stops at once.\n")
    os.kill(os.getpid(), signal.SIGTERM)


def _announce(handle: Running, *, as_json: bool) -> None:
    sys.stdout.write(_line(handle) if as_json else _page(handle))
    sys.stdout.flush()


def _line(handle: Running) -> str:
    return json.dumps(handle.as_json()) + "\n"


def _page(handle: Running) -> str:
    lines = [f"HubSpot      {handle.hubspot_url}", f"  access token {handle.hubspot_token}"]
    if handle.salesforce_url and handle.salesforce_access:
        lines.append(f"Salesforce   {handle.salesforce_url}")
        credentials = handle.salesforce_access.as_json()
        lines += [f"  {name.replace('_', ' ')} {value}" for name, value in credentials.items()]
    if handle.gainsight_url and handle.gainsight:
        gate = handle.gainsight.gate
        lines += [f"Gainsight    {handle.gainsight_url}", f"  access key {gate.access_key}"]
        lines += [f"  client id {gate.pair.client_id}", f"  client secret {gate.pair.client_secret}"]
    return "\n".join([*lines, "Stop with Ctrl-C.", ""])


def _shape(text: str) -> Shape:
    try:
        return Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Local HubSpot, Salesforce and Gainsight.")
    parser.add_argument("--accounts", type=int, default=200, help="size of the portfolio")
    parser.add_argument(
        "--shape", type=_shape, metavar="CRM:ACCOUNTS,DEALS,TICKETS",
        help="exactly these records in one CRM and none in the other, such as hubspot:20000,40000,40000",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same portfolio")
    parser.add_argument(
        "--today", type=date.fromisoformat, default=datetime.now(UTC).date(), help="the day it is seen on"
    )
    parser.add_argument("--days", type=int, default=0, help="days of history to live through before serving")
    parser.add_argument("--hubspot-port", type=int, default=0, help="0 chooses a free port")
    parser.add_argument("--salesforce-port", type=int, default=0, help="0 chooses a free port")
    parser.add_argument("--with-gainsight", action="store_true", help="serve a Gainsight tenant too")
    parser.add_argument(
        "--gainsight-port", type=int, default=0, help="0 chooses a free port; another implies --with-gainsight"
    )  # fmt: skip
    parser.add_argument("--hubspot-burst", type=int, default=190, help="requests in ten seconds per token")
    parser.add_argument("--index-delay", type=float, default=0.0, help="seconds until HubSpot search sees a write")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="median latency of HubSpot in milliseconds")
    parser.add_argument("--state-dir", type=Path, help="folder for the Salesforce private key")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready")
    return parser


if __name__ == "__main__":
    sys.exit(main())
