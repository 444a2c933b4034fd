"""TLS without any I/O: plain bytes on one side, records on the other.

Both pumps encrypt with this, rather than one with asyncio's TLS and one with anyio's, for three reasons: a session can
be resumed (neither of those lets one be set), no 256 KiB buffer is held per connection, and there is one thing to test.
"""

import ssl

_READ_SIZE = 262_144


class Tls:
    """The client's side of one TLS connection."""

    __slots__ = ("_incoming", "_outgoing", "ended", "established", "ssl_object")

    def __init__(self, context: ssl.SSLContext, hostname: str, session: ssl.SSLSession | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname, session=session)
        self.established = False
        self.ended = False

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection may resume; with TLS 1.3 it comes after the handshake, with the first answer."""
        return self.ssl_object.session

    def handshake(self, records: bytes = b"") -> bytes:
        """Take records and return those to send, until ``established``; raise ``ssl.SSLError`` if the peer is refused."""
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
        self._incoming.write(records)
        pieces = []
        try:
            while piece := self.ssl_object.read(_READ_SIZE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return pieces

    def reply(self) -> bytes:
        """Return records that reading made necessary: an alert, the answer to a key update; almost always nothing."""
        return self._outgoing.read()
