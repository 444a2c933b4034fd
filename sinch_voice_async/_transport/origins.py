"""Where a connection leads: scheme, host and port.

Connections are shared by requests to one origin, and by no others.
"""

from typing import NamedTuple, Self

import httpx

from sinch_voice_async._transport.evidence import mark

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """One server, as RFC 9110 section 4.3.1 names it; a tuple, because it is hashed for every request."""

    scheme: str
    host: str
    port: int
    server_hostname: str | None = None
    """The name to ask for and to verify in the TLS handshake, where that is not the host."""

    @classmethod
    def of(cls, url: httpx.URL, server_hostname: str | None = None) -> Self:
        """Return the origin of ``url``; raise ``httpx.UnsupportedProtocol`` for any scheme but http and https."""
        if url.scheme not in _PORTS or not url.host:
            raise mark(
                httpx.UnsupportedProtocol("the URL must begin with http:// or https:// and name a host"),
                request_sent=False,
            )
        # raw_host is the IDNA form, which is what resolvers and certificates use.
        return cls(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme], server_hostname)

    @property
    def secure(self) -> bool:
        """Whether connections to it are encrypted."""
        return self.scheme == "https"
