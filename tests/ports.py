"""Ports for servers that a test starts by their number."""

import secrets
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below the ports that systems give to clients, and to servers that ask for any.

A port that was free a moment ago may else be given to a client elsewhere, or to the one that asks whether the server
listens: TCP then connects it with itself.
"""


def free_port() -> int:
    """Return a port at which nothing listens."""
    return next(filter(_is_free, iter(lambda: LOWEST + secrets.randbelow(HIGHEST - LOWEST), None)))


def _is_free(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0
