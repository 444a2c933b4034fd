"""A call: hearing, speaking, interrupting, ending. On a virtual clock, so that seconds are exact."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from sinch_voice_async.errors import InvalidRequestError, StreamClosed
from sinch_voice_async.streams import CallStream, Pcm, Position
from sinch_voice_async.testing import StreamPeer, stream_peer
from tests.streams.agents import Keeper, app_of, echo, listen, near, tone


def numbered(frames: int, size: int = 640) -> bytes:
    """Return frames that can be told apart."""
    return b"".join(bytes([index, 0]) * (size // 2) for index in range(frames))


async def test_the_caller_is_heard_in_frames_of_20_ms() -> None:
    """Whatever the platform's own frames are; the end of the call ends the iteration, and the rest is filled up."""
    heard: list[bytes] = []

    async def work(stream: CallStream) -> None:
        heard.extend([frame async for frame in stream])

    app = app_of(Keeper(work))
    async with stream_peer(app) as caller:
        for piece in (b"\x01", b"\x01" * 639, b"\x02" * 1_601, b"\x03" * 3):
            caller.send(piece)
        await caller.wait(0.02)
    assert {len(frame) for frame in heard} == {640}
    assert b"".join(heard).rstrip(b"\0") == b"\x01" * 640 + b"\x02" * 1_601 + b"\x03" * 3


async def test_other_lengths_of_frames() -> None:
    """For voice detectors and models."""
    sizes: list[int] = []

    async def work(stream: CallStream) -> None:
        frames = aiter(stream.frames(milliseconds=30))
        sizes.extend([len(await anext(frames)), len(await anext(frames))])
        sizes.append(len(await stream.receive() or b""))
        with pytest.raises(InvalidRequestError, match="milliseconds"):
            stream.frames(milliseconds=0)

    app = app_of(Keeper(work))
    async with stream_peer(app) as caller:
        await caller.wait(0.2)
    assert sizes == [960, 960, 640]
    assert app.failed == 0


async def test_receive_waits_as_long_as_it_is_told() -> None:
    """None if nothing comes in time; StreamClosed after the last frame."""
    found: list[Any] = []

    async def work(stream: CallStream) -> None:
        found.append(await stream.receive(0.5))
        found.append(await stream.receive(5.0))
        found.append(await stream.receive(0))
        try:
            await stream.receive()
        except StreamClosed as closed:
            found.append(closed.by)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.until(lambda: len(found) > 1, timeout=2)
    assert found[1] == bytes(640) or found[0] == bytes(640)
    assert found[-1] == "caller"


async def test_two_tasks_may_listen() -> None:
    """Each frame goes to one of them, and none waits for ever."""
    frames: list[bytes] = []

    async def work(stream: CallStream) -> None:
        async def hear() -> None:
            frames.extend([frame async for frame in stream])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hear)
            tasks.start_soon(hear)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(0.4)
    assert len(frames) == 20


async def test_a_slow_handler_loses_the_oldest() -> None:
    """A second of sound is kept; what was dropped is counted."""
    heard: list[int] = []

    async def work(stream: CallStream) -> None:
        await started.wait()
        heard.extend([frame[0] async for frame in stream])

    started, keeper = anyio.Event(), Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.say(numbered(80))
        started.set()
        await caller.settle()
        assert keeper.stream.dropped == 30
    assert heard == list(range(30, 80))


async def test_a_long_text_is_sent_as_it_is_heard() -> None:
    """At most ``lead`` seconds are on the platform; ``send_audio`` returns when that is all that is left."""
    said: list[Any] = []

    async def work(stream: CallStream) -> None:
        said.append(await stream.send_audio(tone(3.0)))
        said.append(stream.position)
        await listen(stream)

    async with stream_peer(app_of(Keeper(work), lead=0.3)) as caller:
        await caller.wait(1.0)
        assert 0.2 <= caller.unplayed <= 0.3
        assert caller.heard == tone(1.0)
        await caller.wait(3.0)
        assert caller.heard[: len(tone(3.0))] == tone(3.0)
        assert caller.playout.most_ahead <= 0.301
        assert caller.playout.gaps == []
    assert said[0] is True
    assert near(said[1].sent, 3.0)
    assert near(said[1].unplayed, 0.3)
    assert near(said[1].played, 2.7)
    assert {len(message) for message in caller.messages if isinstance(message, bytes)} == {640}


async def test_no_lead_at_all() -> None:
    """Then each frame is sent when the one before is heard."""
    keeper = Keeper(lambda stream: _say(stream, tone(0.2)))
    async with stream_peer(app_of(keeper, lead=0.0)) as caller:
        await caller.wait(0.5)
    assert caller.playout.most_ahead <= 0.0201
    assert caller.heard[:6_400] == tone(0.2)


async def _say(stream: CallStream, *sounds: bytes) -> None:
    for sound in sounds:
        await stream.send_audio(sound)
    await listen(stream)


async def test_sound_in_pieces_of_any_length() -> None:
    """An async iterable, odd bytes and tiny pieces: the same bytes arrive, in whole samples."""
    sound = bytes(tone(0.5))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(sound), 333):
            yield sound[start : start + 333]

    async def work(stream: CallStream) -> None:
        assert await stream.send_audio(pieces())
        assert await stream.send_audio(sound[:101])
        assert await stream.send_audio(bytearray(sound[101:200]))
        assert await stream.send_audio(memoryview(sound)[200:])
        await listen(stream)

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(2.0)
        assert keeper.error is None
    messages = [message for message in caller.messages if isinstance(message, bytes)]
    assert b"".join(messages) == sound + sound
    assert all(len(message) % 2 == 0 for message in messages)


async def test_overlapping_speech_is_heard_in_order() -> None:
    """Calls of several tasks wait for each other."""

    async def work(stream: CallStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, numbered(20))
            await stream.receive()
            tasks.start_soon(stream.send_audio, numbered(20))
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(1.5)
    assert b"".join(m for m in caller.messages if isinstance(m, bytes)) == numbered(20) * 2


async def test_clear_says_what_was_not_heard() -> None:
    """Of what was sent, of what waits in a task, and of what another task would have said."""
    results: list[Any] = []
    keeper = Keeper()

    async def work(stream: CallStream) -> None:
        async def speak() -> None:
            results.append(await stream.send_audio(tone(2.0)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak)
            tasks.start_soon(speak)
            async for frame in stream:
                if Pcm.level_db(frame) > -40:
                    results.append(await stream.clear())
                    break
        results.append(stream.position)
        results.append(await stream.send_audio(tone(0.1)))
        await listen(stream)

    keeper.work = work
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(1.0)
        await caller.say(tone(0.1))
        await caller.wait(1.0)
        assert keeper.error is None
    unheard, first, second, position, again = results
    assert first is second is False
    assert again is True
    assert near(unheard.seconds, 3.0)
    assert unheard.bytes == round(unheard.seconds * 32_000)
    assert isinstance(position, Position)
    assert near(position.played, 1.0)
    assert position.unplayed == 0.0
    heard = bytes(caller.heard)
    assert heard[: len(tone(1.0))] == tone(1.0)
    assert near(len(heard.replace(bytes(640), b"")) / 32_000, 1.1, 0.06)
    assert caller.commands == ["answer", "clear"]


async def test_clear_takes_what_an_iterable_has_left() -> None:
    """The iterable is not asked for more."""
    asked: list[int] = []
    said: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            asked.append(len(asked))
            yield bytes(tone(0.1))

    async def work(stream: CallStream) -> None:
        async def speak() -> None:
            said.append(await stream.send_audio(pieces()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak)
            await stream.receive()
            await stream.clear()
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(1.0)
    assert said == [False]
    assert len(asked) < 6


async def test_drain_waits_until_all_is_heard() -> None:
    """Or was cleared, or the call is over."""
    drained: list[tuple[bool, float]] = []

    async def work(stream: CallStream) -> None:
        now = caller.time.now
        drained.append((await stream.drain(), now()))
        await stream.send_audio(tone(0.2))
        drained.append((await stream.drain(), now()))
        await stream.send_audio(tone(0.2))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drain, stream, now)
            await caller.time.sleep(0.05)
            await stream.clear()
        await stream.send_audio(tone(0.2))
        caller.send("bye")
        drained.append((await stream.drain(), now()))

    async def drain(stream: CallStream, now: Any) -> None:
        drained.append((await stream.drain(), now()))

    keeper = Keeper(work)
    started = anyio.Event()

    async def begin(stream: CallStream) -> None:
        await started.wait()
        await work(stream)

    keeper.work = begin
    async with stream_peer(app_of(keeper)) as caller:
        started.set()
        await caller.wait(0.3)
        await caller.hang_up()
    assert [each for each, _ in drained] == [True, True, False, False]
    assert drained[0][1] == 0.0
    assert near(drained[1][1], 0.2, 0.001)


async def test_goodbye_is_heard_before_the_end() -> None:
    """``hang_up`` lets the caller hear what was said, and then closes; afterwards it does nothing."""

    async def work(stream: CallStream) -> None:
        await stream.send_audio(tone(0.5))
        await stream.hang_up()
        await stream.hang_up()
        with pytest.raises(StreamClosed) as closed:
            await stream.send_audio(b"12")
        assert closed.value.by == "server"
        with pytest.raises(StreamClosed):
            await stream.clear()
        assert [frame async for frame in stream][-1:] in ([], [bytes(640)])

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(2.0)
        assert keeper.error is None
    assert caller.close_code == 1000
    assert near(caller.heard.seconds, 2.0) or caller.heard[: 32_000 // 2] == tone(0.5)
    assert near(keeper.stream.ended.seconds, 0.5)  # type: ignore[union-attr]
    assert keeper.ended_by == "server"


async def test_hang_up_at_once() -> None:
    """What is not heard is not waited for."""

    async def work(stream: CallStream) -> None:
        await stream.send_audio(tone(0.2))
        await stream.hang_up(after_drain=False)

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(1.0)
    assert near(keeper.stream.ended.seconds, 0.0, 0.001)  # type: ignore[union-attr]


@pytest.mark.parametrize("is_acknowledged", [True, False])
async def test_a_client_ends_the_call_that_does_not_close(
    is_acknowledged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The REST API is asked only if the close frame does not go out within a second."""
    ended: list[str] = []

    class Client:
        @property
        def calls(self) -> "Client":
            return self

        async def hang_up(self, call_id: str) -> None:
            ended.append(call_id)

    async def work(stream: CallStream) -> None:
        await stream.hang_up(client=Client())

    if not is_acknowledged:
        monkeypatch.setattr("sinch_voice_async.streams.connection.CLOSE_TIMEOUT", 0.01)
        take = StreamPeer.take

        async def hang(peer: StreamPeer, message: Any) -> None:
            if message["type"] == "websocket.close":
                await anyio.sleep_forever()
            await take(peer, message)

        monkeypatch.setattr(StreamPeer, "take", hang)
    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.until(lambda: keeper.is_done)
    assert ended == ([] if is_acknowledged else ["call-1"])


async def test_what_cannot_be_said_is_refused() -> None:
    """Text, a list, a piece that is text, and a sound of another rate, with both rates in the message."""

    async def texts() -> AsyncIterator[Any]:
        yield "text"

    async def work(stream: CallStream) -> None:
        for wrong in ("text", [b"12"], 5, texts()):
            with pytest.raises(InvalidRequestError, match="pcm must be bytes"):
                await stream.send_audio(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="8000 Hz, and the stream has 16000 Hz"):
            await stream.send_audio(tone(0.1, 8_000))

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(0.1)
    assert keeper.error is None
    assert [message for message in caller.messages if isinstance(message, bytes)] == []


async def test_a_stream_shows_itself() -> None:
    """Its call, its rate and its state."""
    keeper = Keeper(echo)
    async with stream_peer(app_of(keeper), call_headers={"customer": "7"}, sample_rate=24_000) as caller:
        await caller.wait(0.1)
        stream = keeper.stream
        assert repr(stream) == "<CallStream 'call-1' at 24000 Hz, ongoing>"
        assert stream.call.call_headers == {"customer": "7"}
        assert stream.ended is None
    assert (stream.call_id, stream.sample_rate) == ("call-1", 24_000)
    assert repr(stream) == "<CallStream 'call-1' at 24000 Hz, ended by caller>"


async def test_a_rate_that_the_platform_does_not_say() -> None:
    """Is the one that was asked for: one published server reads its own configuration."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper, sample_rate=24_000), fields={"sampleRate": None}):
        assert keeper.stream.sample_rate == 24_000
        assert keeper.stream.call.sample_rate is None
