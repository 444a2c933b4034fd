"""TLS without any I/O: plain bytes on one side, records on the other.

Both backends encrypt with this, rather than one with asyncio's TLS and one with trio's, for four reasons: a session can
be resumed (neither of those lets one be set), no 256 KiB buffer is held per connection, TLS runs inside of TLS (an
https proxy), and there is one thing to test.
"""

import os
import ssl
from typing import Final

import httpx

from sinch_voice_async._transport.origin import Origin
from sinch_voice_async.errors import ConfigurationError

__all__ = ["NestedTls", "Tls", "TlsClient"]

# A record holds no more (RFC 8446, section 5.1), so nothing of it stays behind after a read.
_RECORD_SIZE: Final = 16_384
_MOST_SESSIONS: Final = 100
_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


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
        """Take records and return those to send, until ``established``.

        :raises ssl.SSLError: when the peer is not to be trusted, or has chosen another protocol than HTTP/1.1.
        """
        self._incoming.write(records)
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            chosen = self.ssl_object.selected_alpn_protocol()
            if chosen not in (None, "http/1.1"):
                raise ssl.SSLError(f"the server chose the protocol {chosen!r}, not HTTP/1.1")
            self.established = True
        return self._outgoing.read()

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """Return the records that carry ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.ssl_object.write(rest) :]
        return self._outgoing.read()

    def decrypt(self, records: bytes) -> list[bytes]:
        """Return the plain pieces that ``records`` complete; ``ended`` is set once the peer has closed its side."""
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

        An answer to the peer's key update needs no sending of its own: it goes before the next data (RFC 8446,
        section 4.6.3).
        """
        return self._outgoing.read()


class NestedTls(Tls):
    """TLS to a server, inside of an established TLS connection to an https proxy."""

    __slots__ = ("_outer",)

    def __init__(
        self, outer: Tls, context: ssl.SSLContext, hostname: str, session: ssl.SSLSession | None = None
    ) -> None:
        super().__init__(context, hostname, session)
        self._outer = outer

    def handshake(self, records: bytes = b"") -> bytes:
        """Take records of the proxy's connection and return those to send, until ``established``."""
        return self._outer.encrypt(super().handshake(b"".join(self._outer.decrypt(records))))

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """Return the records that carry ``data``."""
        return self._outer.encrypt(super().encrypt(data))

    def decrypt(self, records: bytes) -> list[bytes]:
        """Return the plain pieces that ``records`` complete."""
        pieces = super().decrypt(b"".join(self._outer.decrypt(records)))
        self.ended = self.ended or self._outer.ended
        return pieces

    def pending(self) -> bytes:
        """Return records that no data carries."""
        return self._outer.encrypt(super().pending())


class TlsClient:
    """Begins TLS connections that ``verify`` allows, each with the session of the last one to the same origin.

    ``verify`` and ``trust_env`` mean what they mean to ``httpx.create_ssl_context``.
    """

    def __init__(self, verify: ssl.SSLContext | bool, *, trust_env: bool) -> None:  # noqa: FBT001  # as httpx has it
        self._verify = verify
        self._trust_env = trust_env
        self._context: ssl.SSLContext | None = None
        self._last: dict[Origin, Tls] = {}

    def check_environment(self) -> None:
        """Load the certificates now, if variables name them.

        :raises ConfigurationError: when a file is missing, is not readable or has no certificate in it.
        """
        named = [name for name in _VARIABLES if os.environ.get(name)]
        if self._verify is not True or not self._trust_env or not named:
            return
        for name in named[:1]:
            if not os.path.exists(os.environ[name]):  # noqa: PTH110  # a text that may be anything
                raise ConfigurationError(f"{name} names a file of certificates that does not exist")
        try:
            self._ready_context()
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{' or '.join(named)}: the certificates cannot be loaded ({error})") from error

    def begin(self, origin: Origin, outer: Tls | None = None) -> Tls:
        """Return the TLS for a new connection, which has yet to shake hands, inside of ``outer`` if that is given.

        :raises OSError: when the certificates cannot be loaded.
        :raises ValueError: when the host cannot stand in a handshake.
        """
        last = self._last.get(origin)
        session = None if last is None else last.ssl_object.session
        context = self._ready_context()
        # The context may be shared with an HTTP/2 client, which sets its own list just before it connects, too.
        context.set_alpn_protocols(["http/1.1"])
        hostname = origin.server_hostname or origin.host
        return Tls(context, hostname, session) if outer is None else NestedTls(outer, context, hostname, session)

    def keep(self, origin: Origin, tls: Tls) -> None:
        """Remember a connection; with TLS 1.3, what can be resumed comes only with its first answer."""
        self._last.pop(origin, None)
        self._last[origin] = tls
        if len(self._last) > _MOST_SESSIONS:
            del self._last[next(iter(self._last))]

    def _ready_context(self) -> ssl.SSLContext:
        # Loading the certificates takes 20 ms, which a program that only speaks http need not wait for.
        if self._context is None:
            self._context = httpx.create_ssl_context(self._verify, trust_env=self._trust_env)
        return self._context
