import time
from datetime import UTC, date, datetime


def clocks(clock):
    # ruleid: clock-of-the-machine
    datetime.now(UTC)
    # ruleid: clock-of-the-machine
    datetime.utcnow()
    # ruleid: clock-of-the-machine
    date.today()
    # ruleid: clock-of-the-machine
    time.time()
    # ruleid: clock-of-the-machine
    time.monotonic()
    # ok: clock-of-the-machine
    clock.now()
    # ok: clock-of-the-machine
    datetime(2026, 1, 1, tzinfo=UTC)
