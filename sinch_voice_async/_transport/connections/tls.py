"""TLS without any I/O: plain bytes on one side, records on the other.

Both pumps encrypt with this, rather than one with asyncio's TLS and one with anyio's, for three reasons: a session can
be resumed (neither of those lets one be set), no 256 KiB buffer is held per connection, and there is one thing to test.
"""

import ssl

import httpx

from sinch_voice_async._transport.origins import Origin

_RECORD_SIZE = 16_384  # a record holds no more (RFC 8446, section 5.1), so nothing of it stays behind after a read
_MOST_SESSIONS = 100


class Tls:
    """The client's side of one TLS connection."""

    __slots__ = ("_incoming", "_outgoing", "ended", "established", "ssl_object")

    def __init__(self, context: ssl.SSLContext, hostname: str, session: ssl.SSLSession | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname, session=session)
        self.established = False
        self.ended = False

    def handshake(self, records: bytes = b"") -> bytes:
        """Take records, return those to send, until ``established``; raise ``ssl.SSLError`` for a peer not to trust."""
        self._incoming.write(records)
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            self.established = True
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """Return the records that carry ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.ssl_object.write(rest) :]
        return self._outgoing.read()

    def decrypt(self, records: bytes) -> list[bytes]:
        """Return the plain pieces that ``records`` complete; ``ended`` is set once the peer has said goodbye."""
        incoming = self._incoming
        incoming.write(records)
        pieces = []
        try:
            while incoming.pending and not self.ended:
                if piece := self.ssl_object.read(_RECORD_SIZE):
                    pieces.append(piece)
                else:
                    self.ended = True
        except ssl.SSLWantReadError:  # half a record, or one without data
            pass
        return pieces

    def pending(self) -> bytes:
        """Return records that no data carries: the alert after a handshake that failed.

        An answer to the peer's key update needs no sending of its own: it goes before the next data, as RFC 8446,
        section 4.6.3, has it.
        """
        return self._outgoing.read()


class TlsClient:
    """Begins TLS connections that ``verify`` allows, each with the session of the last one to the same origin.

    ``verify`` and ``trust_env`` mean what they mean to ``httpx.create_ssl_context``.
    """

    def __init__(self, verify: ssl.SSLContext | bool, *, trust_env: bool) -> None:  # noqa: FBT001 - as httpx has it
        self._verify = verify
        self._trust_env = trust_env
        self._context: ssl.SSLContext | None = None
        self._last: dict[Origin, Tls] = {}

    def begin(self, origin: Origin) -> Tls | None:
        """Return the TLS for a new connection, which has yet to shake hands; None where the scheme is http."""
        if not origin.secure:
            return None
        last = self._last.get(origin)
        session = None if last is None else last.ssl_object.session
        return Tls(self._ready_context(), origin.server_hostname or origin.host, session)

    def keep(self, origin: Origin, tls: Tls) -> None:
        """Remember a connection; with TLS 1.3, what can be resumed comes only with its first answer."""
        self._last.pop(origin, None)
        self._last[origin] = tls
        if len(self._last) > _MOST_SESSIONS:
            del self._last[next(iter(self._last))]

    def _ready_context(self) -> ssl.SSLContext:
        # Loading the certificates takes 20 ms, which whoever only speaks http need not wait for.
        if self._context is None:
            self._context = httpx.create_ssl_context(self._verify, trust_env=self._trust_env)
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context
