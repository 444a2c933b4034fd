"""A hundred faults, on each event loop, direct and through proxies: a callout is never executed twice.

The server knows what it has executed, so it checks what the client says became of the callout.
"""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import attrs
import pytest

from sinch_voice_async import RetryPolicy, SinchVoiceError, VoiceClient
from tests.transport.proxying import tunnel
from tests.transport.servers import FaultServer, Step, answer, close, reset, say
from tests.transport.test_outcomes import HEAD, OK, refuse

WHOLE = HEAD + OK
GARBAGE = (b"\x00\x01\x02\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 099 X\r\n\r\n")
BAD_BODIES = (
    b"Content-Length: two\r\n\r\n",
    b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    b"Transfer-Encoding: chunked\r\n\r\nff\r\n{}",
)

FAULTS: dict[str, Step] = {
    "closed unread": close,
    "reset unread": reset,
    **{
        f"{then} after {size} bytes": say(WHOLE[:size], then=then)
        for then in ("close", "reset")
        for size in range(len(WHOLE))
    },
    **{f"garbage {raw!r}": say(raw, then="close") for raw in GARBAGE},
    **{f"bad body {raw!r}": say(b"HTTP/1.1 200 OK\r\n" + raw, then="close") for raw in BAD_BODIES},
    "a body without a call": answer(b"[]"),
    **{f"executed, {status}": answer(b"{}", status=status) for status in (500, 501, 502, 503, 504)},
    **{f"refused, {status}": refuse(status) for status in (400, 401, 403, 404, 429)},
}


# Most faults end the connection, and a handshake takes longer than all else: over TLS every third fault is tried.
OVER_TLS = dict(list(FAULTS.items())[::3])


@attrs.frozen
class Road:
    """The faults on the way, the server that executes, the proxy if there is one, and the client's base URL."""

    faults: dict[str, Step]
    server: FaultServer
    proxy: FaultServer | None
    base_url: str


@pytest.fixture(params=["direct", "direct, TLS", "proxied", "proxied, TLS"])
def road(request: pytest.FixtureRequest, server_tls: ssl.SSLContext) -> Iterator[Road]:
    """Return a way to a server that executes: a proxy of plain HTTP is that server itself, with TLS it is a tunnel."""
    with ExitStack() as stack:
        secured = request.param.endswith("TLS")
        server = stack.enter_context(FaultServer(tls=server_tls if secured else None))
        proxy, base_url = None, server.url
        if request.param == "proxied":
            proxy, base_url = server, "http://voice.example:8070"
        elif request.param == "proxied, TLS":
            proxy = stack.enter_context(FaultServer(greeting=tunnel(server.port)))
        yield Road(OVER_TLS if secured else FAULTS, server, proxy, base_url)


async def test_a_callout_is_executed_at_most_once(road: Road, client_tls: ssl.SSLContext) -> None:
    """Each fault meets a callout on a new or a kept connection, and what the error says is what the server knows."""
    assert len(FAULTS) >= 100
    told = []
    async with VoiceClient(
        "key",
        "c2VjcmV0",
        base_url=road.base_url,
        proxy=road.proxy.url if road.proxy else None,
        verify=client_tls,
        retry=RetryPolicy(base_delay=0),
        allow_insecure=True,
    ) as voice:
        vars(voice._transport.session.clock).update(jitter=lambda: 0.0)
        for number, (name, fault) in enumerate(road.faults.items()):
            road.server.script.extend([fault, *[answer(OK)] * 3])
            before = road.server.executed
            outcome = await _outcome(voice)
            told.append((name, outcome, road.server.executed - before))
            road.server.script.clear()
            if number % 2:
                # The next fault meets a connection that has served a callout.
                road.server.script.append(answer(OK))
                assert await _outcome(voice) == "well"
    assert [each for each in told if each[2] not in _SOUND[each[1]]] == []
    assert road.proxy is None or road.proxy.heads


_SOUND = {"well": {1}, "accepted": {1}, "unknown": {0, 1}, "rejected": {0}, "unsent": {0}}


async def _outcome(voice: VoiceClient) -> str:
    try:
        await voice.callouts.tts("+46700000001", "Hi")
    except SinchVoiceError as error:
        return error.outcome or "none"
    return "well"
