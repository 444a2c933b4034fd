"""Where requests go: an origin (scheme, host and port), and a base URL, parsed and checked once.

Connections are shared by requests to one origin only. Credentials travel only to a base made here, and a base is https,
or plain http to this machine, unless the user allows plain http by name.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import attrs
import httpx

from sinch_voice_async._transport.exceptions import mark
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.regions import is_platform_host

__all__ = ["DEFAULT_PORTS", "BaseUrl", "Origin", "is_host", "is_loopback", "is_port", "trusted"]

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
    except (OSError, ValueError):  # a ValueError for NUL and for digits that are not ASCII
        return None


@attrs.frozen(cache_hash=True)
class BaseUrl:
    """A scheme, host and port, the prefix of the path (``""``, or ``/like/this``), and the Host header for it."""

    origin: Origin
    prefix: str
    host_header: bytes

    @classmethod
    def parse(cls, url: str, *, name: str, allow_insecure: bool = False) -> "BaseUrl":
        """Read a base URL.

        :raises ConfigurationError: when it is not an absolute http(s) URL, carries a user, a query or a fragment, or is
            plain http to another machine; the message begins with ``name``.
        """
        parsed, host = _parsed(url)
        if parsed is None:
            raise ConfigurationError(f"{name} is not a URL")
        if parsed.scheme not in ("https", "http") or not is_host(host) or not is_port(parsed.port):
            raise ConfigurationError(f"{name} must begin with https:// and name a valid host and port")
        if parsed.userinfo or b"?" in parsed.raw_path or parsed.fragment:
            raise ConfigurationError(f"{name} must not carry a user, a query or a fragment")
        if parsed.scheme == "http" and not (allow_insecure or is_loopback(host)):
            raise ConfigurationError(
                f"{name} is plain http to another machine, which would show every request to the network: "
                "use https, or pass allow_insecure=True"
            )
        return cls(Origin.of(parsed), parsed.raw_path.decode("ascii").rstrip("/"), parsed.netloc)

    @classmethod
    def of_host(cls, host: str) -> "BaseUrl":
        """Return the https base of a host name of the platform."""
        return cls.parse(f"https://{host}", name="host")

    def __str__(self) -> str:
        return f"{self.origin.scheme}://{self.host_header.decode('ascii')}{self.prefix}"


def trusted(url: str, field: str, own: Sequence[BaseUrl]) -> tuple[BaseUrl, str]:
    """Return the base and the decoded path of a URL that credentials may go to: the platform's, or one of our ``own``.

    The host is compared as parsed, so that neither ``platform@evil.example`` nor ``platform.evil.example`` passes.

    :raises InvalidRequestError: when it is another's, is not a URL, or carries more than a path.
    """
    parsed, host = _parsed(url)
    if parsed is None or parsed.scheme not in ("https", "http") or not is_host(host):
        raise InvalidRequestError(f"{field} is not a URL", field=field)
    if parsed.userinfo or b"?" in parsed.raw_path or parsed.fragment:
        raise InvalidRequestError(f"{field} must not carry a user, a query or a fragment", field=field)
    origin = Origin.of(parsed)
    for base in own:
        if origin == base.origin:
            return base, parsed.path.removeprefix(base.prefix)
    if parsed.scheme != "https" or parsed.port is not None or not is_platform_host(host):
        raise InvalidRequestError(f"{field} is a URL of neither the platform nor this client: not trusted", field=field)
    return BaseUrl.of_host(host), parsed.path


def _parsed(url: str) -> tuple[httpx.URL | None, str]:
    """Return a URL and its host as it goes on the wire; None for what is not a URL."""
    try:
        parsed = httpx.URL(url)
        # `host` decodes an internationalised name, and finds out what `raw_host` lets pass.
        return (parsed, parsed.raw_host.decode("ascii")) if parsed.host else (None, "")
    except (httpx.InvalidURL, TypeError, ValueError):
        return None, ""
