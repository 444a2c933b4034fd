"""Where requests go: a base URL, parsed and judged once.

Credentials travel only to a base made here, and a base is https, or plain http to this machine, unless the user said
otherwise in as many words.
"""

import ipaddress
import re
from collections.abc import Sequence

import attrs
import httpx

from sinch_voice_async._transport.pool import Origin
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.regions import is_platform_host

__all__ = ["BaseUrl", "trusted"]


_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


@attrs.frozen
class BaseUrl:
    """A scheme, host and port, the prefix of the path (``""``, or ``/like/this``), and the Host header for it."""

    origin: Origin
    prefix: str
    host_header: bytes

    @classmethod
    def parse(cls, url: str, *, name: str, allow_insecure: bool = False) -> "BaseUrl":
        """Read a base URL.

        :raises ConfigurationError: it is no absolute http(s) URL, carries a user, a query or a fragment, or is plain
            http to another machine; the message begins with ``name``.
        """
        try:
            parsed = httpx.URL(url)
            port = parsed.port
        except (httpx.InvalidURL, TypeError, ValueError):
            raise ConfigurationError(f"{name} is not a URL") from None
        if (
            parsed.scheme not in ("https", "http")
            or not _HOST.fullmatch(parsed.raw_host)
            or not (port is None or 0 < port < 65_536)
        ):
            raise ConfigurationError(f"{name} must begin with https:// and name a host")
        if parsed.userinfo or parsed.query or parsed.fragment:
            raise ConfigurationError(f"{name} must not carry a user, a query or a fragment")
        if parsed.scheme == "http" and not (allow_insecure or _is_loopback(parsed.host)):
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

    :raises InvalidRequestError: it is another's, no URL, or carries more than a path.
    """
    try:
        parsed = httpx.URL(url)
        origin = Origin.of(parsed)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        raise InvalidRequestError(f"{field} is not a URL", field=field) from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise InvalidRequestError(f"{field} must not carry a user, a query or a fragment", field=field)
    for base in own:
        if origin == base.origin:
            return base, parsed.path.removeprefix(base.prefix)
    if parsed.scheme != "https" or parsed.port is not None or not is_platform_host(parsed.host):
        raise InvalidRequestError(f"{field} is a URL of neither the platform nor this client: not trusted", field=field)
    return BaseUrl.of_host(parsed.host), parsed.path


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
