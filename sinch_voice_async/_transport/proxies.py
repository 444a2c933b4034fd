"""Which proxy a request goes through: the one place that decides it, per host and port.

Rules:

- A proxy that the user names (``proxy=``) serves every host.
- Otherwise the environment decides: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` (in lower case too), or what the
  operating system has configured, as :func:`urllib.request.getproxies` reads them.
- ``NO_PROXY`` is a list of hosts that are reached directly. An entry is ``*``, a name (which covers its subdomains,
  with or without a leading dot or ``*.``), an IP address or a network in CIDR notation; each may carry a port
  (``[::1]:8080`` for IPv6), and a scheme in front.
- This machine is never reached through a proxy of the environment: plain http is allowed to it alone, because the
  bytes do not leave the machine.
"""

import base64
import importlib.util
import ipaddress
import re
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final, Self
from urllib.parse import unquote

import attrs
import httpx

from sinch_voice_async._transport.origin import Origin, is_host, is_loopback, is_port
from sinch_voice_async.credentials import hidden, hidden_bytes
from sinch_voice_async.errors import ConfigurationError

__all__ = ["Proxies", "Proxy", "proxy_for_url"]

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SOCKS: Final = ("socks5", "socks5h")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@attrs.frozen(repr=False)
class Proxy:
    """One proxy: its scheme (http, https, socks5, socks5h), host and port, and who may use it.

    Neither ``repr`` nor ``str`` shows the user and the password, and the texts that hold them show nothing.
    """

    scheme: str
    host: str
    port: int
    # rich walks the fields, and does not ask for the repr of the class.
    user: str = attrs.field(default="", repr=False, converter=hidden)
    password: str = attrs.field(default="", repr=False, converter=hidden)

    @classmethod
    def parse(cls, url: "str | httpx.URL | httpx.Proxy", *, name: str = "proxy") -> Self:
        """Read the URL of a proxy; without a scheme it is an http proxy.

        :raises ConfigurationError: when it is not such a URL, has headers or a TLS context of its own, or is a SOCKS
            proxy and the package for it is missing; the message begins with ``name`` and never shows the URL, which may
            hold a password.
        """
        if isinstance(url, httpx.Proxy) and (url.headers or url.ssl_context is not None):
            raise ConfigurationError(f"{name}: httpx.Proxy with headers or ssl_context is not supported; pass its URL")
        url = hidden_url(url) or ""
        rule = f"{name} must be a URL such as http://proxy.example:3128"
        if (parsed := _parsed(url)) is None:
            raise ConfigurationError(rule)
        host, port = parsed.raw_host.decode("ascii"), parsed.port
        if parsed.scheme not in _PORTS:
            raise ConfigurationError(f"{name}: a proxy is http, https or socks5, not {parsed.scheme}")
        if not is_host(host) or not is_port(port) or parsed.path not in ("", "/") or parsed.query or parsed.fragment:
            raise ConfigurationError(rule)
        if parsed.scheme in _SOCKS and importlib.util.find_spec("python_socks") is None:
            raise ConfigurationError(f"{name}: SOCKS needs a package: pip install 'sinch-voice-async[socks]'")
        return cls(parsed.scheme, host, _PORTS[parsed.scheme] if port is None else port, *_pair(url, parsed))

    @property
    def secure(self) -> bool:
        """Whether the connection to the proxy itself is encrypted."""
        return self.scheme == "https"

    @property
    def socks(self) -> bool:
        """Whether it speaks SOCKS rather than HTTP."""
        return self.scheme in _SOCKS

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields that authorize a request to the proxy (RFC 9110, section 11.7.2)."""
        if not self.user and not self.password:
            return []
        pair = base64.b64encode(f"{self.user}:{self.password}".encode())
        return [(b"Proxy-Authorization", hidden_bytes(b"Basic " + pair))]

    def __str__(self) -> str:
        return f"{self.scheme}://{Origin(self.scheme, self.host, self.port).authority}"

    def __repr__(self) -> str:
        return f"Proxy({str(self)!r})"


class Proxies:
    """Decides, for each origin, whether a request to it goes through a proxy, and through which.

    ``proxy`` serves every origin; without it, the ``environment`` decides: a mapping as
    :func:`urllib.request.getproxies` returns it, less the hosts that ``is_exempt`` names.
    """

    def __init__(
        self,
        proxy: Proxy | None = None,
        environment: Mapping[str, str] | None = None,
        is_exempt: Callable[[str], object] | None = None,
    ) -> None:
        self._proxy = proxy
        self._is_exempt = is_exempt
        # The values may hold passwords.
        self._environment = {name: hidden(value) for name, value in (environment or {}).items()}
        self._exempt = [
            _Exemption.parse(entry) for entry in re.split(r"[,\s]+", self._environment.get("no", "")) if entry
        ]
        self._known: dict[Origin, Proxy | None] = {}

    @classmethod
    def of(cls, proxy: "str | httpx.URL | httpx.Proxy | None") -> Self:
        """Return the choice that ``proxy`` makes; None leaves it to the environment of this moment.

        :raises ConfigurationError: when ``proxy`` is not the URL of a proxy.
        """
        proxy = hidden_url(proxy)
        if proxy is None:
            found = {name: hidden(value) for name, value in urllib.request.getproxies().items()}
            if found and not urllib.request.getproxies_environment():
                # What macOS and Windows have configured has exceptions of its own.
                return cls(environment=found, is_exempt=urllib.request.proxy_bypass)
            return cls(environment=found)
        return cls(Proxy.parse(proxy))

    def for_origin(self, origin: Origin) -> Proxy | None:
        """Return the proxy for ``origin``, None to reach it directly.

        :raises ConfigurationError: when the variable that names the proxy is malformed; the message names it.
        """
        try:
            return self._known[origin]
        except KeyError:
            pass
        # A program may talk to any number of servers, so what is known is bounded.
        if len(self._known) > 1000:
            self._known.clear()
        found = self._known[origin] = self._proxy or self._from_environment(origin)
        return found

    def _from_environment(self, origin: Origin) -> Proxy | None:
        scheme = origin.scheme if self._environment.get(origin.scheme) else "all"
        named = hidden(self._environment.get(scheme, "").strip())
        if not named or is_loopback(origin.host):
            return None
        if self._is_exempt is not None and self._is_exempt(origin.host):
            return None
        if any(entry.covers(origin) for entry in self._exempt):
            return None
        return Proxy.parse(named, name=f"{scheme.upper()}_PROXY (of the environment)")


def hidden_url(url: "str | httpx.URL | httpx.Proxy | None") -> "str | httpx.URL | httpx.Proxy | None":
    """Return a URL that does not show its password, as those of httpx do not; an empty text for what is not a URL."""
    return url if isinstance(url, (httpx.URL, httpx.Proxy)) else hidden(url)


def _parsed(url: "str | httpx.URL | httpx.Proxy") -> httpx.URL | None:
    """Return the URL of a proxy, None if it is not one: an error of httpx has frames that show the password."""
    text = hidden(str(url.url if isinstance(url, httpx.Proxy) else url).strip())
    try:
        parsed = httpx.URL(text if _SCHEME.match(text) else hidden(f"http://{text}"))
        # `host` decodes an internationalised name, and finds out what `raw_host` lets pass.
        is_one = bool(parsed.host)
    except (httpx.InvalidURL, TypeError, ValueError):
        return None
    return parsed if is_one else None


def _pair(url: "str | httpx.URL | httpx.Proxy", parsed: httpx.URL) -> tuple[str, str]:
    """Return the user and the password, empty if there is none."""
    auth = url.raw_auth if isinstance(url, httpx.Proxy) else None
    if auth is not None:
        return auth[0].decode("utf-8"), auth[1].decode("utf-8")
    user, _, password = parsed.userinfo.decode("ascii").partition(":")
    return unquote(user), unquote(password)


def proxy_for_url(url: httpx.URL, proxy: str | None) -> Proxy | None:
    """Return the proxy that a client with this ``proxy=`` uses for a URL, None if it reaches the server directly.

    :raises ConfigurationError: when the proxy is malformed.
    """
    return Proxies.of(proxy).for_origin(Origin.of(url))


@attrs.frozen
class _Exemption:
    """One entry of ``NO_PROXY``."""

    name: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    port: int | None
    scheme: str | None

    @classmethod
    def parse(cls, entry: str) -> Self:
        scheme, _, rest = entry.rpartition("://")
        host, port = _split_port(rest.rstrip("/") if "/" not in rest.rstrip("/") else rest)
        try:
            network = ipaddress.ip_network(host.strip("[]"), strict=False)
        except ValueError:
            network = None
        name = host.lower().removeprefix("*.").strip(".")
        if not name.isascii():
            try:
                name = httpx.URL(f"http://{name}").raw_host.decode("ascii")
            except httpx.InvalidURL:
                name = ""
        return cls(name, network, port, scheme.lower() or None)

    def covers(self, origin: Origin) -> bool:
        """Return whether an origin is reached directly because of this entry."""
        if self.port not in (None, origin.port) or self.scheme not in (None, "all", origin.scheme):
            return False
        if self.name == "*":
            return True
        if self.network is not None:
            try:
                return ipaddress.ip_address(origin.host) in self.network
            except ValueError:
                return False
        host = origin.host.lower().rstrip(".")
        return bool(self.name) and (host == self.name or host.endswith(f".{self.name}"))


def _split_port(text: str) -> tuple[str, int | None]:
    """Split ``host:port``; the colons of a bare IPv6 address are its own."""
    host, colon, port = text.rpartition(":")
    if colon and re.fullmatch("[0-9]{1,5}", port) and (":" not in host or host.endswith("]")):
        return host, int(port)
    return text, None
