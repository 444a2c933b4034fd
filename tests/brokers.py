"""A throw-away Redis or Valkey: the system's own program on a free loopback port, with nothing written to the disk."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.ports import free_port

PROGRAMS: Final = ("redis-server", "valkey-server")
PATIENCE: Final = 300.0


def program() -> str | None:
    """Return the path of the server, None if none is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def server(program: str) -> Iterator[str]:
    """Run a server while the block lasts, and give its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return when a program listens on its port."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "the program has ended"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError("the program does not answer")  # pragma: no cover  # it answers


def keep_logging() -> None:
    """Have workers of Celery in this process leave its logging as it is: the tests that follow read what is logged."""
    from celery.signals import setup_logging

    setup_logging.connect(_leave, weak=False)


def _leave(**_: object) -> None:
    """Configure nothing."""
