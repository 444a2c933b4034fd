"""One HTTP request out of ASGI, and one answer into it.

Rules:

- A body is counted while it is read.
- The path is the one that the platform called, which is what it has signed: percent-encoded, with every prefix that a
  server, a proxy or a router has put aside.
- An answer that did not wait for the whole body closes the connection.

Source: ASGI, HTTP; RFC 9110.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from attrs import Factory, field, frozen

__all__ = [
    "Disconnected",
    "Message",
    "Receive",
    "Refused",
    "Reply",
    "Scope",
    "Send",
    "called_path",
    "read_body",
    "send_reply",
]

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):  # noqa: N818 - an event, not an error
    """The platform has hung up; there is nobody to answer."""


class Refused(Exception):  # noqa: N818 - likewise
    """The request is answered with a status before anybody has looked into it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


# Each status is answered with what its definition asks for; nothing says why, which is for the log alone.
_STATUS_HEADERS = {
    401: [(b"www-authenticate", b"application")],
    405: [(b"allow", b"POST")],
    408: [(b"connection", b"close")],
    413: [(b"connection", b"close")],
}


def _headers_of(reply: "Reply") -> Sequence[tuple[bytes, bytes]]:
    kind = [(b"content-type", b"application/json")] if reply.body else []
    return [(b"content-length", b"%d" % len(reply.body)), *kind, *_STATUS_HEADERS.get(reply.status, ())]


@frozen
class Reply:
    """What goes back: a status, JSON where there is a body, and the headers that follow from the two."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = field(
        init=False, repr=False, default=Factory(_headers_of, takes_self=True)
    )


async def read_body(receive: Receive, max_body: int) -> bytes:
    """Return the body; raise ``Refused`` where it is too large, ``Disconnected`` where it ends early."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        piece: bytes = message.get("body", b"")
        body += piece
        if len(body) > max_body:
            raise Refused(413, f"the body has more than {max_body} bytes")
        if not message.get("more_body", False):
            return body


def called_path(scope: Scope, public_path: str | None = None) -> str:
    """Return the path as the platform called it, with the query where there was one.

    ``public_path`` is a prefix that a proxy takes away; with it, what the server says of ``root_path`` does not count.
    """
    raw = scope.get("raw_path")
    path = quote(scope["path"], safe=_UNQUOTED) if raw is None else raw.decode("utf-8", "surrogateescape")
    root = scope.get("root_path", "") if public_path is None else ""
    prefix = quote(_missing(root, unquote(path)), safe=_UNQUOTED) if root else public_path or ""
    query = scope.get("query_string", b"").decode("utf-8", "surrogateescape")
    return f"{prefix.rstrip('/')}{path}?{query}" if query else f"{prefix.rstrip('/')}{path}"


_UNQUOTED = "/:@!$&'()*+,;=~"


def _missing(root: str, path: str) -> str:
    """Return the part of ``root_path`` that a path does not begin with.

    Servers differ: in some the path has the whole of it, in some none, and where a router is mounted in an application
    that has a root of its own, the path begins in the middle of it.
    """
    seams = [index for index, character in enumerate(root) if character == "/"]
    return next((root[:seam] for seam in seams if f"{path}/".startswith(f"{root[seam:]}/")), root)


async def send_reply(scope: Scope, send: Send, reply: Reply) -> None:
    """Send an answer; where nobody is there any more, do nothing."""
    headers = [*reply.headers]
    if not scope.get("http_version", "1.1").startswith("1"):
        # HTTP/2 has no such header; there, a stream ends by itself.
        headers = [pair for pair in headers if pair[0] != b"connection"]
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
    except OSError:
        pass
