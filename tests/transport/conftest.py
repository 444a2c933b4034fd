"""A certificate authority of our own, a server that has its certificate, and a pool that trusts it."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme

from sinch_voice_async._transport.pool import ConnectionPool
from tests.transport.servers import FaultServer, Step


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return the authority that the tests trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS of a server called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=["plain", "tls"])
def secured(request: pytest.FixtureRequest) -> bool:
    """Run the test over plain HTTP, and again over TLS."""
    return bool(request.param == "tls")


@pytest.fixture
def serve(secured: bool, server_tls: ssl.SSLContext) -> Iterator[Callable[..., FaultServer]]:
    """Return what starts a server with a script; it stops after the test."""
    with ExitStack() as stack:

        def start(*script: Step, greeting: Step | None = None) -> FaultServer:
            server = FaultServer(*script, tls=server_tls if secured else None, greeting=greeting)
            return stack.enter_context(server)

        yield start


@pytest.fixture
async def pool(anyio_backend: str, client_tls: ssl.SSLContext) -> AsyncIterator[ConnectionPool]:
    """Return a pool that trusts the authority; it must be empty of work after the test."""
    async with ConnectionPool(verify=client_tls) as pool:
        yield pool
        assert repr(pool).startswith("<ConnectionPool [0 active, ")
        assert repr(pool).endswith(", 0 waiting]>")
