"""The way to a server, a layer at a time: its name, a connection, and TLS. No byte of a request is sent.

Each layer is one blocking call in a thread: nothing else has to go on meanwhile.
"""

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import anyio
import httpx
from anyio import to_thread

from sinch_voice_async.cli.doctor.checks import Check, failed, passed, skipped

__all__ = ["examine_network"]

T = TypeVar("T")

_NO_NETWORK = "Is this machine on the network, and is the name right? Behind a proxy, set HTTPS_PROXY."
_CERTIFICATES = {
    "expired": "Look at the clock of this machine first; if it is right, the server's certificate is at fault.",
    "not yet valid": "Look at the clock of this machine: it seems to be behind.",
    "mismatch": "The certificate is another host's: check --base-url, and whether something redirects the name.",
}
_UNKNOWN_AUTHORITY = (
    "Nobody that this machine trusts has signed the certificate. Where a proxy or firewall of your company opens TLS, "
    "set SSL_CERT_FILE to the certificate of its authority."
)


async def examine_network(scheme: str, host: str, port: int, *, timeout: float) -> list[Check]:
    """Look at the way to one server; each layer is given ``timeout`` seconds, and the first that fails is the last."""
    silent = failed(f"DNS {host}", f"no name server answered within {timeout:g} s", _NO_NETWORK)
    resolved = await _within(timeout, lambda: _resolve(host, port)) or silent
    if resolved.status == "failed":
        return [resolved, skipped(f"TCP {host}", "the name is unknown"), skipped(f"TLS {host}", "the name is unknown")]
    check, connection = await to_thread.run_sync(lambda: _connect(host, port, timeout), abandon_on_cancel=True)
    if connection is None:
        return [resolved, check, skipped(f"TLS {host}", "there is no connection")]
    with contextlib.closing(connection):
        if scheme != "https":
            return [resolved, check, skipped(f"TLS {host}", "plain http")]
        tls = await to_thread.run_sync(lambda: _shake_hands(connection, host), abandon_on_cancel=True)
    return [resolved, check, tls]


async def _within(timeout: float, call: Callable[[], T]) -> T | None:
    with anyio.move_on_after(timeout):
        return await to_thread.run_sync(call, abandon_on_cancel=True)
    return None


def _resolve(host: str, port: int) -> Check:
    name = f"DNS {host}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return failed(name, f"the name cannot be resolved: {getattr(error, 'strerror', None) or error}", _NO_NETWORK)
    addresses = [*dict.fromkeys(str(address[4][0]) for address in found)]
    return passed(name, ", ".join(addresses[:4]))


def _connect(host: str, port: int, timeout: float) -> tuple[Check, socket.socket | None]:
    name = f"TCP {host}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except TimeoutError:
        advice = "A firewall may swallow the packets: ask who runs it, or set HTTPS_PROXY to the proxy that is allowed."
        return failed(name, f"port {port} did not answer within {timeout:g} s", advice), None
    except OSError as error:
        advice = "Nothing listens there, or something on the way refuses: check --base-url and the firewall."
        if _is_loopback(host):
            advice = "Nothing listens there: is the sandbox running, and on this port?"
        return failed(name, f"port {port}: {error.strerror or error}", advice), None
    return passed(name, f"port {port} is open"), connection


def _shake_hands(connection: socket.socket, host: str) -> Check:
    name = f"TLS {host}"
    try:
        version = _tls_version(connection, host)
    except ssl.SSLCertVerificationError as error:
        advice = [said for word, said in _CERTIFICATES.items() if word in str(error)] or [_UNKNOWN_AUTHORITY]
        return failed(name, f"the certificate was refused: {error.verify_message}", advice[0])
    except OSError as error:
        reason = getattr(error, "reason", None) or "the connection ended, or stalled, before TLS was agreed on"
        return failed(name, f"no TLS at this port: {reason}", "Is it https at all? Check --base-url and the proxy.")
    return passed(name, f"{version}, the certificate is trusted")


def _tls_version(connection: socket.socket, host: str) -> str | None:
    with httpx.create_ssl_context().wrap_socket(connection, server_hostname=host) as tls:
        return tls.version()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
