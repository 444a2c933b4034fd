"""A throw-away PostgreSQL: the system's own programs, a folder of their own, one socket in it, gone with the tests.

It listens on a Unix socket alone, so that no port is taken and nobody else can come in. Nothing is flushed to the disk:
what has to survive here is a killed worker and a restarted server, not a power cut.
"""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from attrs import define
from psycopg import sql

from sinch_voice_async.dialer.postgres.database import Address

DEBIAN: Final = Path("/usr/lib/postgresql")
SETTINGS: Final = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=60",
    "jit=off",
)


def programs() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``, the newest of Debian's, or None where there is none."""
    versions = [folder for folder in DEBIAN.glob("*/bin") if (folder / "initdb").exists()]
    newest = max(versions, key=lambda folder: float(folder.parent.name), default=None)
    found = shutil.which("initdb") if hasattr(os, "geteuid") else None
    return newest or (Path(found).resolve().parent if found else None)


def user() -> str:
    """Return who the server runs as: PostgreSQL refuses to be root, and Debian has somebody for that."""
    return "postgres" if os.geteuid() == 0 else getpass.getuser()


@define
class Postgres:
    """One server: ``start``, ``stop``, and a fresh ``database`` for whoever asks."""

    programs: Path
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    databases: int = 0

    def run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start one of PostgreSQL's programs, as its user."""
        import pwd  # which Windows does not have, where this is only imported

        who = pwd.getpwnam(user())
        with (self.folder / "log").open("ab") as log:
            command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=who.pw_uid,
                group=who.pw_gid,
            )

    def initialize(self) -> None:
        """Make the files of a new server."""
        shutil.chown(self.folder, user())
        made = self.run("initdb", "--auth=trust", "--username=tests", "--encoding=UTF8", "--locale=C", "--no-sync")
        assert made.wait() == 0, (self.folder / "log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start the server, and come back when it answers."""
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        self.process = self.run("postgres", "-k", str(self.folder), *settings)
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT breaks every connection off and leaves orderly files behind."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait()

    def url(self, database: str) -> str:
        """Return how to connect to one of its databases."""
        return f"postgresql://tests@/{database}?host={self.folder}"

    def database(self) -> str:
        """Make a new, empty database, and return its URL."""
        self.databases += 1
        name = f"campaigns_{self.databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


@contextmanager
def server(programs: Path) -> Iterator[Postgres]:
    """Run a server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # not pytest's: a socket's path has at most 107 bytes
        postgres = Postgres(programs, Path(folder))
        postgres.initialize()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


def address(url: str) -> Address:
    """Return what a URL means."""
    found = Address.of(url)
    assert found is not None
    return found
