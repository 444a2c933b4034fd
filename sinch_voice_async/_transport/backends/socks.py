"""Connections through a SOCKS proxy, by the package python-socks (the extra ``socks``)."""

import socket

import httpx
from python_socks import ProxyConnectionError, ProxyTimeoutError, ProxyType
from python_socks import ProxyError as SocksError
from python_socks.async_.asyncio import Proxy as AsyncioProxy
from python_socks.async_.trio import Proxy as TrioProxy

from sinch_voice_async._transport.connection import Route
from sinch_voice_async.credentials import hidden

__all__ = ["AsyncioProxy", "TrioProxy", "open_socks"]


async def open_socks(route: Route, backend: type[AsyncioProxy] | type[TrioProxy]) -> socket.socket:
    """Return a socket that a SOCKS5 proxy has connected to the origin of ``route``; the proxy resolves the name.

    :raises OSError: when the proxy cannot be reached.
    :raises httpx.ProxyError: when it refuses.
    """
    proxy, origin = route.proxy, route.origin
    assert proxy is not None
    user, password = hidden(proxy.user or None), hidden(proxy.password or None)
    way = backend(ProxyType.SOCKS5, proxy.host, proxy.port, user, password, rdns=True)
    try:
        # The deadline is the caller's.
        connected = await way.connect(dest_host=origin.host, dest_port=origin.port, timeout=3600)
    except (ProxyConnectionError, ProxyTimeoutError) as error:
        raise OSError(str(error)) from _without_frames(error)
    except SocksError as error:
        refused = httpx.ProxyError(f"the proxy {proxy} refused to connect to {origin.host}: {error}")
        raise refused from _without_frames(error)
    sock = socket.socket(fileno=connected.detach())
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _without_frames(error: Exception) -> Exception:
    """Return an error of the package without its frames, which hold the password."""
    error.__context__ = None
    return error.with_traceback(None)
