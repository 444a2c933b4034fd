"""Serving over TCP: from any event loop, while that loop is busy, and cleanly to the end."""

import socket
import threading
import time

import anyio
import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.ports import free_port

from .caller import Caller


async def test_a_client_is_pointed_at_the_sandbox(sandbox: Sandbox) -> None:
    """The four arguments, and nothing else; before and after, the address is one for in-process use."""
    assert sandbox.url == "http://localhost"
    async with sandbox.serve() as served:
        assert served is sandbox
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert sandbox.client_options() == {
            "application_key": sandbox.account.application_key,
            "application_secret": sandbox.account.application_secret,
            "base_url": sandbox.url,
            "configuration_url": sandbox.url,
        }
        async with httpx.AsyncClient(verify=False, trust_env=False) as http:  # plain http
            assert (await Caller(sandbox, http).tts()).status_code == 200
    assert sandbox.url == "http://localhost"


async def test_it_answers_while_the_callers_loop_is_busy(sandbox: Sandbox) -> None:
    """The server has a thread and a loop of its own."""
    async with sandbox.serve(), httpx.AsyncClient() as http:
        request = Caller(sandbox, http).request("GET", "/v1/configuration/numbers")
        with httpx.Client(verify=False, trust_env=False) as blocking:  # plain http
            assert blocking.send(request).status_code == 200


def test_it_is_served_without_any_event_loop(sandbox: Sandbox) -> None:
    """``with`` works as well, and the thread is gone afterwards."""
    with sandbox.serve() as served:
        assert httpx.get(f"{served.url}/").status_code == 401
        assert "sinch-sandbox" in {thread.name for thread in threading.enumerate()}
    assert "sinch-sandbox" not in {thread.name for thread in threading.enumerate()}


def test_a_sandbox_is_served_again_but_not_twice_at_once(sandbox: Sandbox) -> None:
    """Its calls outlive the server."""
    serving = sandbox.serve()
    with serving:
        with pytest.raises(RuntimeError, match="already being served"):
            sandbox.serve()
        with pytest.raises(RuntimeError, match="already being served"):
            serving.start()
    serving.stop()
    with sandbox.serve():
        assert sandbox.url != "http://localhost"


def test_a_chosen_port_is_taken_or_refused(sandbox: Sandbox) -> None:
    """And is free again at once."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
        sandbox.serve(port=port).start()
    for _ in range(2):
        with sandbox.serve(port=port, host="localhost"):
            assert sandbox.url.endswith(f":{port}")


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com"])  # what is refused here
def test_other_hosts_need_a_word(sandbox: Sandbox, host: str) -> None:
    """Nobody opens a telephone exchange to the world by mistake."""
    with pytest.raises(ValueError, match="not loopback"):
        sandbox.serve(host=host)


def test_other_hosts_are_served_when_said_so(sandbox: Sandbox) -> None:
    """A container needs it."""
    with sandbox.serve(host="0.0.0.0", allow_remote=True):  # what is tried here
        assert sandbox.url.startswith("http://0.0.0.0:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6_is_loopback_too(sandbox: Sandbox) -> None:
    """The address is written with brackets."""
    with sandbox.serve(host="::1"):
        assert sandbox.url.startswith("http://[::1]:")
        assert httpx.get(sandbox.url).status_code == 401


async def test_a_cancelled_test_stops_its_server(sandbox: Sandbox) -> None:
    """Leaving is not interrupted."""
    with anyio.move_on_after(0.05):
        async with sandbox.serve():
            await anyio.sleep_forever()
    assert sandbox.url == "http://localhost"


async def test_a_stalled_answer_does_not_keep_the_server(sandbox: Sandbox) -> None:
    """Leaving closes what is still open, and nobody waits for the hour to pass."""
    sandbox.faults.add(latency=3_600.0)
    with anyio.fail_after(300):
        async with sandbox.serve(), httpx.AsyncClient(verify=False, trust_env=False) as http:  # plain http
            request = Caller(sandbox, http).request("GET", "/v1/configuration/numbers")
            stream = await anyio.connect_tcp("127.0.0.1", httpx.URL(sandbox.url).port or 80)
            await stream.send(_raw(request))
            await anyio.sleep(0.1)
        async with stream:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()


def _raw(request: httpx.Request) -> bytes:
    """Return the bytes of a request without a body."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    return b"\r\n".join([*lines, b"", b""])


async def test_many_callouts_at_once(remote: Caller) -> None:
    """Each gets its own call."""

    async def place() -> None:
        assert (await remote.tts()).status_code == 200

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(place)
    assert remote.sandbox.executed == len({call.call_id for call in remote.sandbox.calls}) == 50


def test_calls_are_read_while_they_are_placed(sandbox: Sandbox) -> None:
    """Another thread may walk the calls, and the recordings."""
    done = threading.Event()

    def add() -> None:
        while not done.is_set():
            sandbox.add_recording(data=b"")
            time.sleep(0)

    thread = threading.Thread(target=add)
    thread.start()
    try:
        for _ in range(200):
            assert len(list(sandbox.recordings)) <= len(sandbox.recordings)
    finally:
        done.set()
        thread.join()


def test_two_sandboxes_have_nothing_in_common() -> None:
    """Key and secret are made up anew, and the secret stays out of sight."""
    one, two = Sandbox(), Sandbox()
    assert one.account.application_key != two.account.application_key
    assert one.account.application_secret != two.account.application_secret
    for text in (repr(one), repr(one.account), repr(one.calls)):
        assert one.account.application_secret not in text


def test_routes_are_named_as_in_the_documents(sandbox: Sandbox) -> None:
    """For whoever wants to know that no endpoint is missing."""
    assert {(method, path) for method, path in sandbox.routes() if not path.endswith("/")} == {
        ("POST", "/calling/v1/callouts"),
        ("GET", "/calling/v1/calls/id/{callId}"),
        ("PATCH", "/calling/v1/calls/id/{callId}"),
        ("PATCH", "/calling/v1/calls/id/{callId}/leg/{callLeg}"),
        ("GET", "/calling/v1/conferences/id/{conferenceId}"),
        ("DELETE", "/calling/v1/conferences/id/{conferenceId}"),
        ("PATCH", "/calling/v1/conferences/id/{conferenceId}/{callId}"),
        ("DELETE", "/calling/v1/conferences/id/{conferenceId}/{callId}"),
        ("GET", "/v1/configuration/numbers"),
        ("POST", "/v1/configuration/numbers"),
        ("DELETE", "/v1/configuration/numbers"),
        ("GET", "/v1/configuration/callbacks/applications/{applicationkey}"),
        ("POST", "/v1/configuration/callbacks/applications/{applicationkey}"),
        ("GET", "/v1/calling/query/number/{number}"),
        ("GET", "/calling/v1/recording"),
        ("GET", "/calling/v1/recording/{key}"),
        ("DELETE", "/calling/v1/recording/{key}"),
    }


def test_a_sandbox_that_is_not_served_can_be_stopped() -> None:
    """And stopped again; its URL is its own once more."""
    sandbox = Sandbox()
    serving = sandbox.serve()
    serving.stop()
    serving.start()
    assert sandbox.url.startswith("http://127.0.0.1:")
    serving.stop()
    serving.stop()
    assert sandbox.url == "http://localhost"
