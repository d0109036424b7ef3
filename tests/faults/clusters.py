"""Two PostgreSQL servers of their own, the second one a standby of the first, and a proxy that swallows answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from tests.services import absent

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
wal_level = replica
max_wal_senders = 4
hot_standby = on
shared_buffers = 16MB
max_connections = 40
"""
"""`fsync` is off because nothing here loses its power."""


def _binary(name: str) -> str:
    """A program of the server, from the path or from where Debian puts it."""
    places = [str(one.parent) for one in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    return found or absent(f"{name} of a PostgreSQL server is not installed")


def _run(*command: str, check: bool = True) -> None:
    """Run a program of the server, which refuses to be run by root."""
    user = "postgres" if os.geteuid() == 0 else None
    subprocess.run(command, check=check, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass(slots=True)
class Server:
    """One server: its folder and port."""

    folder: Path
    port: int

    def start(self) -> None:
        _run(
            _binary("pg_ctl"),
            "-D",
            str(self.folder),
            "-w",
            "-o",
            f"-p {self.port}",
            "-l",
            f"{self.folder}.log",
            "start",
        )

    def stop(self, mode: Literal["immediate", "fast"] = "immediate") -> None:
        """End it; `immediate` is a crash."""
        _run(_binary("pg_ctl"), "-D", str(self.folder), "-w", "-m", mode, "stop", check=False)

    def promote(self) -> None:
        """Let a standby become the primary."""
        _run(_binary("pg_ctl"), "-D", str(self.folder), "-w", "promote")

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run a statement as the superuser; returns its rows."""
        with psycopg.connect(f"host=127.0.0.1 port={self.port} dbname=postgres user=postgres", autocommit=True) as c:
            found = c.execute(statement.encode(), values)
            return found.fetchall() if found.description else []


@dataclass(slots=True)
class Pair:
    """A primary and its standby."""

    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        """Address of a store that is wherever the primary is."""
        hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in (self.primary, self.standby))
        return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    def synchronous(self) -> None:
        """From now on a commit is answered when the standby has it."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")
        self._wait("sync")

    def in_step(self) -> None:
        """Wait until the standby has everything up to now."""
        self._wait("async")
        (now,) = self.primary.execute("SELECT pg_current_wal_lsn()")[0]
        while not self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= %s", now):
            time.sleep(0.05)

    def fail_over(self) -> None:
        """The primary dies, the standby takes its place."""
        self.primary.stop()
        self.standby.promote()

    def _wait(self, state: str) -> None:
        for _ in range(200):
            if self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = %s", state):
                return
            time.sleep(0.05)
        raise TimeoutError(f"no standby is {state}")


@contextmanager
def pair() -> Iterator[Pair]:
    """Two servers, the standby asynchronous at first."""
    folder = Path(tempfile.mkdtemp(prefix="keepwell-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    made = Pair(Server(folder / "one", _free_port()), Server(folder / "two", _free_port()))
    with ExitStack() as after:
        after.callback(shutil.rmtree, folder)
        _run(
            _binary("initdb"),
            "-D",
            str(made.primary.folder),
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
        )
        with (made.primary.folder / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        made.primary.start()
        after.callback(made.primary.stop)
        source = ("-h", "127.0.0.1", "-p", str(made.primary.port), "-U", "postgres")
        _run(_binary("pg_basebackup"), *source, "-D", str(made.standby.folder), "-R", "-c", "fast", "-X", "stream")
        made.standby.start()
        after.callback(made.standby.stop)
        made.in_step()
        yield made


class Swallower:
    """Stands before a server and, when told to, breaks the connection that commits next."""

    def __init__(self, port: int) -> None:
        self.strike: Literal["lost", "unsent"] | None = None
        """`lost`: the commit is carried out and its answer never arrives; `unsent`: it never gets to the server."""
        self.struck = 0
        self._upstream = port
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, name="swallower")]
        self._threads[0].start()

    def close(self) -> None:
        """Break what is open, and wait until nobody works on it any more."""
        for one in (self._listener, *self._open):
            _shut(one)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
            self._open += [client, server]
            cut = threading.Event()
            back = threading.Thread(target=self._hand_on, args=(server, client, cut), kwargs={"watched": False})
            back.start()
            self._hand_on(client, server, cut, watched=True)
            back.join()

    def _hand_on(self, source: socket.socket, target: socket.socket, cut: threading.Event, *, watched: bool) -> None:
        with suppress(OSError):
            while (data := source.recv(65_536)) and not cut.is_set():
                how = self._takes(data) if watched else None
                if how is not None:
                    cut.set()
                    if how == "lost":
                        target.sendall(data)
                        time.sleep(0.3)  # the server commits, and what it says goes nowhere
                    break
                target.sendall(data)
        _shut(source)
        _shut(target)

    def _takes(self, data: bytes) -> Literal["lost", "unsent"] | None:
        with self._lock:
            if self.strike is None or b"COMMIT\0" not in data:
                return None
            how, self.strike = self.strike, None
            self.struck += 1
            return how


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def swallower(port: int) -> Iterator[Swallower]:
    """A swallower before the server at a port of this machine."""
    made = Swallower(port)
    try:
        yield made
    finally:
        made.close()
