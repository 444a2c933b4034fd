"""Where requests go: a base URL, parsed and checked once.

Credentials travel only to a base made here, and a base is https, or plain http to this machine, unless the user allows
plain http by name.
"""

from collections.abc import Sequence

import attrs
import httpx

from sinch_voice_async._transport.origin import Origin, is_host, is_loopback, is_port
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.regions import is_platform_host

__all__ = ["BaseUrl", "trusted"]


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
        if parsed.userinfo or parsed.query or parsed.fragment:
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
    if parsed.userinfo or parsed.query or parsed.fragment:
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
