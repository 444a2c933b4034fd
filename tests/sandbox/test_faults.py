"""Trouble on purpose, seen over a real socket."""

import anyio
import httpx
import pytest

from sinch_voice_async.sandbox import Faults

from .caller import Caller, error

CALLOUTS = "/calling/v1/callouts"
NUMBERS = "/v1/configuration/numbers"


async def test_a_status_stands_in_for_the_answer(remote: Caller) -> None:
    """As often as asked for, only on its route, and nothing is executed."""
    remote.sandbox.faults.add("POST", CALLOUTS, status=503, retry_after=1.5, times=2)
    for _ in range(2):
        response = await remote.tts()
        assert error(response) == (503, 50300)
        assert response.headers["retry-after"] == "1.5"
    assert (await remote.send("GET", NUMBERS)).status_code == 200
    assert remote.sandbox.executed == 0
    assert (await remote.tts()).status_code == 200


async def test_a_status_may_carry_any_code(remote: Caller) -> None:
    """And no Retry-After; faults end when they are cleared."""
    remote.sandbox.faults.add(status=401, code=40105)
    response = await remote.send("GET", NUMBERS)
    assert error(response) == (401, 40105)
    assert "retry-after" not in response.headers
    remote.sandbox.faults.clear()
    assert (await remote.send("GET", NUMBERS)).status_code == 200


@pytest.mark.parametrize(("drop", "executed"), [("before", 0), ("after", 1)])
async def test_the_connection_is_dropped(remote: Caller, drop: str, executed: int) -> None:
    """Before or after the call was placed: the client cannot tell, the test can."""
    remote.sandbox.faults.add("POST", drop="before" if drop == "before" else "after", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await remote.tts()
    assert remote.sandbox.executed == executed


@pytest.mark.parametrize("at", [0, 5])
async def test_the_body_is_cut(remote: Caller, at: int) -> None:
    """The head promises more than arrives."""
    remote.sandbox.faults.add("POST", cut_at=at, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await remote.tts()
    assert remote.sandbox.executed == 1


async def test_the_body_is_something_else(remote: Caller) -> None:
    """A proxy's login page with status 200."""
    remote.sandbox.faults.add(body=b"<html>Log in</html>", times=1)
    response = await remote.tts()
    assert (response.status_code, response.content) == (200, b"<html>Log in</html>")


async def test_the_answer_is_late(remote: Caller) -> None:
    """Whoever gives up waiting has placed a call all the same."""
    remote.sandbox.faults.add("POST", latency=60.0, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await remote.http.send(_impatient(remote.request("POST", CALLOUTS, TTS_ENVELOPE)))
    with anyio.fail_after(300):
        while remote.sandbox.executed == 0:
            await anyio.sleep(0.01)


async def test_a_little_latency_passes(caller: Caller) -> None:
    """The answer comes after all."""
    caller.sandbox.faults.add(latency=0.01)
    assert (await caller.tts()).status_code == 200


async def test_without_a_server_a_drop_is_httpx_own_exception(caller: Caller) -> None:
    """So a client under ``httpx.ASGITransport`` meets what it would meet on a socket."""
    caller.sandbox.faults.add(drop="after", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.tts()


async def test_callouts_are_limited_per_second(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 and 42900 above the limit; a second later there is room again."""
    now = [100.0]
    monkeypatch.setattr("sinch_voice_async.sandbox.faults.time.monotonic", lambda: now[0])
    caller.sandbox.faults.calls_per_second = 2
    assert [(await caller.tts()).status_code for _ in range(2)] == [200, 200]
    refused = await caller.tts()
    assert error(refused) == (429, 42900)
    assert refused.headers["retry-after"] == "1"
    now[0] += 1.0
    assert (await caller.tts()).status_code == 200
    assert caller.sandbox.executed == 3


def test_a_share_of_requests_is_met_and_the_same_ones_each_time() -> None:
    """A seed makes chance repeatable."""

    def met(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("GET", share=0.3)
        return [faults.draw("GET", "/") is not None for _ in range(1_000)]

    assert met(1) == met(1) != met(2)
    assert 200 < sum(met(1)) < 400


def test_the_first_fault_that_applies_is_met() -> None:
    """And the next one when it is used up."""
    faults = Faults()
    first = faults.add("GET", times=1)
    second = faults.add()
    assert [faults.draw("POST", "/"), faults.draw("GET", "/"), faults.draw("GET", "/")] == [second, first, second]


async def test_a_recording_is_cut_where_asked_and_can_be_resumed(remote: Caller) -> None:
    """Each cut happens once, and the bytes before it arrive."""
    stored = remote.sandbox.add_recording("call.wav", seconds=60)
    stored.cut(700_000, 300_000)
    received = bytearray()
    cuts = []
    while len(received) < stored.size:
        request = remote.request("GET", "/calling/v1/recording/call.wav", headers={"range": f"bytes={len(received)}-"})
        response = await remote.http.send(request, stream=True)
        try:
            async for chunk in response.aiter_raw():
                received += chunk
        except httpx.RemoteProtocolError:
            cuts.append(len(received))
        finally:
            await response.aclose()
    assert cuts == [300_000, 700_000]
    assert bytes(received) == stored.read()


async def test_a_recording_may_change_when_it_is_cut(remote: Caller) -> None:
    """A resumed download must notice."""
    stored = remote.sandbox.add_recording("call.wav")
    etag = stored.etag
    stored.cut(1_000, then_changes=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await remote.send("GET", "/calling/v1/recording/call.wav")
    resumed = {"range": "bytes=1000-", "if-range": etag}
    assert (await remote.send("GET", "/calling/v1/recording/call.wav", headers=resumed)).status_code == 200


async def test_a_recording_stalls(remote: Caller) -> None:
    """Silence in mid-stream, for a while or until somebody has enough."""
    stored = remote.sandbox.add_recording("call.wav")
    stored.stall(1_000, seconds=0.05)
    assert (await remote.send("GET", "/calling/v1/recording/call.wav")).content == stored.read()
    stored.stall(1_000, seconds=60.0)
    with pytest.raises(httpx.ReadTimeout):
        await remote.http.send(_impatient(remote.request("GET", "/calling/v1/recording/call.wav")))


async def test_a_recording_arrives_corrupted_once(remote: Caller) -> None:
    """One byte is not what it was, and nothing says so."""
    stored = remote.sandbox.add_recording("call.wav", seconds=30)
    stored.corrupt(400_000)
    corrupted = (await remote.send("GET", "/calling/v1/recording/call.wav")).content
    whole = (await remote.send("GET", "/calling/v1/recording/call.wav")).content
    assert [index for index, (one, two) in enumerate(zip(corrupted, whole, strict=True)) if one != two] == [400_000]


TTS_ENVELOPE = {
    "method": "ttsCallout",
    "ttsCallout": {"destination": {"type": "number", "endpoint": "+46700000001"}, "text": "Hello!"},
}


def _impatient(request: httpx.Request) -> httpx.Request:
    """Return the request of somebody who waits a tenth of a second."""
    request.extensions["timeout"] = httpx.Timeout(5.0, read=0.1).as_dict()
    return request
