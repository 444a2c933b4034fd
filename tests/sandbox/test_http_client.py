"""The sandbox's own HTTP client against raw bytes on real sockets."""

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
import trustme

from sinch_voice_async.sandbox import http_client
from sinch_voice_async.sandbox.http_client import HttpClient, HttpError, Target
from tests.ports import free_port

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"
Script = Callable[[socket.socket], None]


class Server:
    """Gives each connection to a script; it remembers how many there were, and what each request was."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/callback?a=b"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self.script(connection)
        except OSError:
            connection.close()

    def read(self, connection: socket.socket) -> bytes:
        """Read one request, of which the tests make the body "body"; b"" if the client has gone."""
        request = b""
        while not request.endswith(b"\r\n\r\nbody"):
            piece = connection.recv(65_536)
            if not piece:
                return b""
            request += piece
        self.requests.append(request)
        return request

    def close(self) -> None:
        """Stop listening, and close what is open."""
        self._listener.close()
        for each in self._open:
            each.close()


@contextmanager
def serving(*answers: bytes, then_close: bool = False) -> Iterator[Server]:
    """Serve each answer in turn, on however many connections, then again the last one."""
    left = list(answers)

    def script(connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])
            if then_close:
                connection.close()
                return

    server = Server(script)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A client that is closed afterwards."""
    async with HttpClient() as made:
        yield made


async def post(client: HttpClient, url: str) -> http_client.HttpAnswer:
    """Send a request, and do not wait for ever."""
    with anyio.fail_after(300):
        return await client.post(Target.of(url), {"X-CB-Id": "7"}, b"body")


async def test_a_request_is_what_was_said(client: HttpClient) -> None:
    """Method, path, query, host, headers and the length of the body."""
    with serving(OK) as server:
        answer = await post(client, server.url)
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"ok", "text/plain")
    assert answer.header("x-missing") == ""
    head = ["POST /callback?a=b HTTP/1.1", f"host: 127.0.0.1:{server.port}", "X-CB-Id: 7", "content-length: 4"]
    assert server.requests == ["\r\n".join((*head, "", "body")).encode()]


async def test_a_connection_is_used_again(client: HttpClient) -> None:
    """Three requests, one connection."""
    with serving(OK) as server:
        for _ in range(3):
            assert (await post(client, server.url)).body == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!",
        OK + b"garbage that was not asked for\r\n\r\n",
    ],
)
async def test_a_connection_that_is_not_clean_is_left(client: HttpClient, answer: bytes) -> None:
    """The server closes it, or sent more than one answer: the next request has a new connection."""
    with serving(answer) as server:
        for _ in range(2):
            assert (await post(client, server.url)).body == b"ok"
        assert server.connections == 2


async def test_a_connection_that_died_while_it_was_idle(client: HttpClient) -> None:
    """Nothing is sent twice: the end is seen before the request is sent."""
    with serving(OK, then_close=True) as server:
        for number in range(3):
            assert (await post(client, server.url)).body == b"ok"
            assert len(server.requests) == number + 1
            [kept] = next(iter(client._idle.values()))
            with anyio.fail_after(300):
                # The close may be later than the answer.
                await anyio.wait_readable(kept._socket)


async def test_a_connection_with_stray_bytes_is_not_used(client: HttpClient) -> None:
    """Bytes that came while it was idle would be taken for the next answer."""
    came = threading.Event()

    def script(connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(OK)
            assert came.wait(300)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray")

    server = Server(script)
    assert (await post(client, server.url)).body == b"ok"
    came.set()
    [kept] = next(iter(client._idle.values()))
    with anyio.fail_after(300):
        await anyio.wait_readable(kept._socket)
    assert (await post(client, server.url)).body == b"ok"
    assert server.connections == 2
    server.close()


async def test_a_connection_that_was_reset_is_not_used(client: HttpClient) -> None:
    """While it was idle."""

    def script(connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        reset.wait(300)
        connection.close()

    reset = threading.Event()
    server = Server(script)
    await post(client, server.url)
    [kept] = next(iter(client._idle.values()))
    reset.set()
    with anyio.fail_after(300):
        await anyio.wait_readable(kept._socket)
    assert (await post(client, server.url)).body == b"ok"
    assert server.connections == 2
    server.close()


async def test_an_old_connection_is_not_used(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server, or a box on the way, may have forgotten it."""
    monkeypatch.setattr(http_client, "KEPT_FOR", -1.0)
    with serving(OK) as server:
        for _ in range(2):
            await post(client, server.url)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    ],
)
async def test_answers_of_all_kinds(client: HttpClient, answer: bytes, body: bytes) -> None:
    """Chunked, without a body, after interim answers; each leaves the connection clean."""
    with serving(answer) as server:
        for _ in range(2):
            assert (await post(client, server.url)).body == body
        assert server.connections == 1


async def test_an_answer_that_ends_with_its_connection(client: HttpClient) -> None:
    """As HTTP/1.0 had it."""
    with serving(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then_close=True) as server:
        assert (await post(client, server.url)).body == b"until the end"


async def test_a_large_request_waits_for_its_reader(client: HttpClient) -> None:
    """The server begins to read when the socket is full; the event loop is free meanwhile."""
    full = threading.Event()

    def script(connection: socket.socket) -> None:
        assert full.wait(300)
        while server.read(connection):
            connection.sendall(OK)

    server = Server(script)
    body = b"x" * 20_000_000 + b"\r\n\r\nbody"
    async with anyio.create_task_group() as tasks:

        async def release() -> None:
            await anyio.sleep(0.1)
            full.set()

        tasks.start_soon(release)
        with anyio.fail_after(300):
            assert (await client.post(Target.of(server.url), {}, body)).body == b"ok"
    assert len(server.requests[0]) > 20_000_000
    server.close()


async def test_an_answer_in_single_bytes(client: HttpClient) -> None:
    """However it is cut."""

    def script(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while server.read(connection):
            for byte in OK:
                connection.sendall(bytes([byte]))

    server = Server(script)
    assert (await post(client, server.url)).body == b"ok"
    server.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", "closed before the answer was whole"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "closed before the answer was whole"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "closed before the answer was whole"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "closed before the answer was whole"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n", "more than 200 headers"),
        (b"HTTP/1.1 200 OK\r\na: " + b"x" * 300_000, "head or framing is too large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"x" * 2_000_000, "more than 1048576 bytes"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1;" + b"e" * 9_000_000 + b"\r\n",
            "head or framing is too large",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 400_000, "head or framing is too large"),
    ],
)
async def test_what_is_no_answer(client: HttpClient, answer: bytes, problem: str) -> None:
    """One error in words, and the connection is not kept."""
    with serving(answer, then_close=True) as server:
        with pytest.raises(HttpError, match=problem):
            await post(client, server.url)
        assert not any(client._idle.values())


async def test_a_reset_is_an_error(client: HttpClient) -> None:
    """In words as well."""

    def script(connection: socket.socket) -> None:
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    server = Server(script)
    with pytest.raises(HttpError, match=r"the connection broke: |closed before"):
        await post(client, server.url)
    server.close()


async def test_nothing_listens(client: HttpClient) -> None:
    """Every address of the name is tried."""
    with pytest.raises(HttpError, match=r"cannot connect to localhost:[0-9]+: Connection refused"):
        await post(client, f"http://localhost:{free_port()}/")


async def test_an_address_that_cannot_be_one(client: HttpClient) -> None:
    """The system refuses it at once: nobody connects to a broadcast."""
    with pytest.raises(HttpError, match=r"cannot connect to 255\.255\.255\.255:80: "):
        await post(client, "http://255.255.255.255/")


async def test_a_name_that_nobody_has(client: HttpClient) -> None:
    """The resolver's error in words."""
    with pytest.raises(HttpError, match=r"cannot connect to nobody\.invalid:80: "):
        await post(client, "http://nobody.invalid/")


async def test_a_request_that_is_given_up_keeps_no_connection(client: HttpClient) -> None:
    """Half an answer must not be read by the next request."""
    with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n") as server:
        with anyio.move_on_after(0.2):
            await client.post(Target.of(server.url), {}, b"body")
        assert not any(client._idle.values())


async def test_a_connection_that_is_given_up_is_closed(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is being opened."""
    opened: list[http_client._Connection] = []

    async def never(self: http_client._Connection, _address: object) -> None:
        opened.append(self)
        await anyio.sleep_forever()

    monkeypatch.setattr(http_client._Connection, "open", never)
    with anyio.move_on_after(0.05):
        await client.post(Target.of("http://127.0.0.1:9/"), {}, b"body")
    assert [each._socket.fileno() for each in opened] == [-1]


async def test_many_at_once_share_a_hundred_connections(client: HttpClient) -> None:
    """And leave them for the next."""
    with serving(OK) as server:
        async with anyio.create_task_group() as tasks:
            for _ in range(300):
                tasks.start_soon(post, client, server.url)
        assert len(server.requests) == 300
        assert server.connections <= 100


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ssl.SSLContext]:
    """A context of a server that the client trusts."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    http_client._trust.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    yield context
    http_client._trust.cache_clear()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_requests_over_tls(client: HttpClient, authority: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """Kept alive too, and large in both directions."""
    authority.minimum_version = authority.maximum_version = version
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n" + b"x" * 500_000

    def script(connection: socket.socket) -> None:
        with authority.wrap_socket(connection, server_side=True) as secure:
            while server.read(secure):
                secure.sendall(large)

    server = Server(script)
    target = Target.of(f"https://localhost:{server.port}/")
    with anyio.fail_after(300):
        for _ in range(3):
            answer = await client.post(target, {"x-large": "y" * 300_000}, b"body")
            assert len(answer.body) == 500_000
    assert server.connections == 1
    server.close()


async def test_a_certificate_that_nobody_trusts(client: HttpClient) -> None:
    """The handshake ends, and nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    def script(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    server = Server(script)
    with pytest.raises(HttpError, match="certificate verify failed"):
        await post(client, f"https://localhost:{server.port}/")
    assert server.requests == []
    server.close()


@pytest.mark.parametrize(
    ("url", "authority_", "path", "query"),
    [
        ("http://localhost", "localhost", "/", ""),
        ("HTTP://LOCALHOST:80/a?b=c#d", "localhost", "/a", "?b=c"),
        ("https://user:secret@example.com:443/a", "example.com", "/a", ""),
        ("http://[::1]:8000/", "[::1]:8000", "/", ""),
        ("http://example.com/å b/%2F?q=å d", "example.com", "/%C3%A5%20b/%2F", "?q=%C3%A5%20d"),
        ("http://bücher.example/", "xn--bcher-kva.example", "/", ""),
    ],
)
def test_targets(url: str, authority_: str, path: str, query: str) -> None:
    """What goes over the wire is ASCII, and what was encoded stays so."""
    target = Target.of(url)
    assert (target.authority, target.path, target.query) == (authority_, path, query)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/",
        "http://",
        "http:///path",
        "http://a:99999/",
        "http://a:b/",
        "http://[::1",
        "http://é..x/",
        "http://a b/",
    ],
)
def test_what_is_no_target(url: str) -> None:
    """One error."""
    with pytest.raises(HttpError, match="InvalidURL"):
        Target.of(url)
