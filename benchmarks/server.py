"""The servers on loopback that clients are measured against: nginx if it is installed, else a small one of ours.

Both answer any POST with a call id, count the connections that were opened, and serve a body for downloads. The one
with a delay is always ours: a stock nginx cannot wait.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs

from benchmarks.certificate import Certificate
from benchmarks.machine import BUILD, ROOT, SERVER_CORE, pin, stop

__all__ = ["Server", "fast_server", "small_server"]

_NGINX = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
daemon off;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl backlog=4096;
    ssl_certificate {chain}; ssl_certificate_key {chain}; ssl_protocols TLSv1.3;
    default_type application/json;
    location = /stats {{ stub_status; }}
    location /calling/v1/recording/ {{ root {folder}/files; }}
    location / {{ return 200 '{{"callId":"d5a8b0f2-6e3c-4f0e-9c1b-1a2b3c4d5e6f"}}'; }}
  }}
}}
"""


class Server(Protocol):
    """What a case needs to know of a server."""

    name: str
    plain: str
    tls: str

    def connections(self) -> int:
        """Return how many connections were opened so far, this question's own left out."""

    def offer(self, size: int) -> None:
        """Have a recording of so many bytes, whose key is that number."""


@contextlib.contextmanager
def fast_server(certificate: Certificate) -> Iterator[Server]:
    """Start nginx, or the small server if nginx is missing, on its own core."""
    if shutil.which("nginx") is None:
        with small_server(certificate) as server:
            yield server
        return
    folder = BUILD / f"nginx-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    server = _Nginx(_free_port(), _free_port(), folder)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _NGINX.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            chain=certificate.chain,
            plain=server.plain.rpartition(":")[2],
            tls=server.tls.rpartition(":")[2],
        )
    )
    process = subprocess.Popen(
        ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(configuration)],
        preexec_fn=lambda: pin(SERVER_CORE),  # noqa: PLW1509 - no threads run here
        text=True,
    )
    try:
        _wait_for(server.plain)
        yield server
    finally:
        stop(process)
        shutil.rmtree(folder / "files", ignore_errors=True)


@contextlib.contextmanager
def small_server(certificate: Certificate, *, delay: float = 0.0) -> Iterator[Server]:
    """Start the small server, which answers after ``delay`` seconds, on its own core."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.small_server", f"--delay={delay}", f"--certificate={certificate.chain}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: pin(SERVER_CORE),  # noqa: PLW1509 - no threads run here
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        plain, tls = json.loads(process.stdout.readline())
        yield _Small(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}")
    finally:
        process.stdin.close()
        stop(process)


class _Nginx:
    name = "nginx"

    def __init__(self, plain: int, tls: int, folder: Path) -> None:
        self.plain = f"http://127.0.0.1:{plain}"
        self.tls = f"https://127.0.0.1:{tls}"
        self._folder = folder
        self._asked = 0

    def connections(self) -> int:
        self._asked += 1
        accepted = int(_get(f"{self.plain}/stats").split()[7])
        return accepted - self._asked

    def offer(self, size: int) -> None:
        recordings = self._folder / "files" / "calling" / "v1" / "recording"
        recordings.mkdir(parents=True, exist_ok=True)
        recording = recordings / str(size)
        with recording.open("wb") as file:
            # Sparse: it takes no room on the disk.
            file.truncate(size)
        with recording.open("rb") as file:
            # Read through once: the first client would pay for filling the system's cache.
            while file.read(1 << 20):
                pass


@attrs.define
class _Small:
    plain: str
    tls: str
    name: str = "a small server (asyncio, httptools)"
    _asked: int = 0

    def connections(self) -> int:
        self._asked += 1
        opened: int = json.loads(_get(f"{self.plain}/stats"))["connections"]
        return opened - self._asked

    def offer(self, size: int) -> None:
        """Do nothing: it makes up a body of any size."""


def _get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as response:
        text: str = response.read().decode()
        return text


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 0.1):
            return
        time.sleep(0.05)
    raise RuntimeError("nginx did not start: see what it printed above")
