"""A server as a request names it: scheme, host and port. Connections are shared by requests to one origin only."""

import ipaddress
import re
import socket
from typing import Final, NamedTuple, Self

import httpx

from sinch_voice_async._transport.exceptions import mark

__all__ = ["DEFAULT_PORTS", "Origin", "is_host", "is_loopback", "is_port"]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


class Origin(NamedTuple):
    """Scheme, host and port of a server, as RFC 9110 section 4.3.1 names it; a tuple, because it is hashed often."""

    scheme: str
    host: str
    port: int
    server_hostname: str | None = None
    """The name to send and to verify in the TLS handshake, if it is not the host."""

    @classmethod
    def of(cls, url: httpx.URL, server_hostname: str | None = None) -> Self:
        """Return the origin of ``url``.

        :raises httpx.UnsupportedProtocol: when the scheme is neither http nor https, or the host is malformed.
        """
        # raw_host is the IDNA form, which resolvers and certificates use.
        host = url.raw_host.decode("ascii")
        if url.scheme not in DEFAULT_PORTS or not is_host(host):
            raise mark(
                httpx.UnsupportedProtocol("the URL must begin with http:// or https:// and name a valid host"),
                request_sent=False,
            )
        port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
        return cls(url.scheme, host, port, server_hostname)

    @property
    def secure(self) -> bool:
        """Whether connections to it are encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as RFC 9112 section 3.2.3 writes them: an IPv6 address stands in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_host(host: str) -> bool:
    """Whether a resolver can be asked for ``host``: an IP address, or labels of 1 to 63 characters, 253 in all."""
    if ":" in host:
        return _address(host) is not None
    labels = host.removesuffix(".").split(".")
    return _NAME.fullmatch(host) is not None and len(host) <= 253 and all(len(label) <= 63 for label in labels)


def is_port(port: int | None) -> bool:
    """Whether a server can listen on ``port``; None is the port of the scheme."""
    return port is None or 0 < port < 65_536


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, in any spelling that a resolver takes for a loopback address."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(host)
    if address is None:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    # Connecting to the unspecified address reaches this machine too.
    return address.is_loopback or address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        # "127.1" and "0x7f000001" are addresses for a resolver as well.
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None
