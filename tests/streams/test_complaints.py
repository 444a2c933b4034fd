"""What users of media streams complain about, on this platform and others: one test for each, by its number.

The numbers are those of the list that the documents of this project's design have, with the reports behind them.
"""

import gc
import itertools
import math
import struct
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from sinch_voice_async.errors import InvalidRequestError, StreamClosed
from sinch_voice_async.streams import CallStream, Pcm, Resampler, StreamRequest
from sinch_voice_async.testing import stream_peer
from tests.streams.agents import Keeper, app_of, echo, everything_logged, listen, near, tone


async def test_1_sound_does_not_stutter() -> None:
    """A model that speaks in bursts of odd length is heard without a hole, and no sample is changed."""
    sound = bytes(tone(3.0))

    async def bursts() -> AsyncIterator[bytes]:
        for start in range(0, len(sound), 7_777):
            await caller.time.sleep(0.05)
            yield sound[start : start + 7_777]

    async def work(stream: CallStream) -> None:
        await stream.receive()
        await stream.send_audio(bursts())
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(4.0)
    assert caller.playout.gaps == []
    assert sound in bytes(caller.heard)


async def test_2_pacing_is_neither_too_fast_nor_too_slow() -> None:
    """Ten seconds take ten seconds less the lead, and the platform's buffer never holds more than that."""
    finished: list[float] = []

    async def work(stream: CallStream) -> None:
        await stream.send_audio(tone(10.0))
        finished.append(caller.now)
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(11.0)
        assert caller.playout.most_ahead <= 0.201
        assert caller.playout.lost == 0
    assert near(finished[0], 9.8, 0.07)


async def test_3_barge_in_silences_at_once() -> None:
    """When a minute is to be said, an interruption is followed by silence within 60 ms; a greeting is not cleared."""
    silenced: list[float] = []

    async def work(stream: CallStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, tone(60.0))
            async for frame in stream:
                if Pcm.level_db(frame) > -40:
                    await stream.clear()
                    silenced.append(caller.now)
                    break
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(3.0)
        assert near(caller.heard.seconds, 3.0)
        assert caller.commands == ["answer"]
        spoke_at = caller.now
        await caller.say(tone(0.1))
        assert caller.unplayed == 0.0
        await caller.wait(1.0)
    heard = len(bytes(caller.heard).rstrip(b"\0")) / 32_000
    assert heard - spoke_at <= 0.06
    assert silenced[0] - spoke_at <= 0.06


async def test_4_what_was_heard_is_known() -> None:
    """To a few milliseconds: what the stream says is what the platform has played."""
    said: list[Any] = []

    async def work(stream: CallStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, tone(5.0))
            async for frame in stream:
                if Pcm.level_db(frame) > -40:
                    said.append((await stream.clear(), stream.position))
                    break
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(1.7)
        await caller.say(tone(0.1))
        heard = len(bytes(caller.heard).rstrip(b"\0")) / 32_000
    unheard, position = said[0]
    assert near(position.played, heard, 0.03)
    assert near(unheard.seconds, 5.0 - heard, 0.03)


async def test_5_goodbye_is_heard_and_the_call_ends() -> None:
    """By hanging up, and by returning."""

    async def hang_up(stream: CallStream) -> None:
        await stream.send_audio(tone(1.0))
        await stream.hang_up()

    async def come_back(stream: CallStream) -> None:
        await stream.send_audio(tone(1.0))

    for work in (hang_up, come_back):
        async with stream_peer(app_of(Keeper(work))) as caller:
            await caller.wait(2.0)
            assert caller.close_code == 1000
            assert caller.heard[:32_000] == tone(1.0)


async def test_6_a_dead_call_is_found_and_nothing_hangs() -> None:
    """A send after the end raises the cause, a peer that is silent for a minute is given up, closing takes a second."""
    errors: list[str] = []

    async def work(stream: CallStream) -> None:
        await listen(stream)
        for _ in range(2):
            with pytest.raises(StreamClosed) as closed:
                await stream.send_audio(tone(0.1))
            errors.append(closed.value.by)

    app = app_of(Keeper(work))
    async with stream_peer(app) as caller:
        await caller.wait(0.1)
        await caller.vanish()
    async with stream_peer(app) as caller:
        for _ in range(62):
            caller.time.advance(caller.now + 1)
            await caller.settle()
    assert errors == ["lost", "lost", "silence", "silence"]
    assert app.active == 0


async def test_7_memory_stays_flat(tmp_path: Path) -> None:
    """Two minutes with a recording, a slow handler and a long text: no growth to speak of, and nothing is left."""
    path = tmp_path / "call.wav"

    async def work(stream: CallStream) -> None:
        stream.record(path)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, bytes(tone(1.0)) * 60)
            async for _ in stream:
                await caller.time.sleep(0.04)

    async def wait(seconds: int) -> None:
        """Let virtual time pass no faster than the thread writes, whose queue is as long as it is late."""
        for _ in range(seconds):
            await caller.wait(1)
            while path.stat().st_size <= 64_000 * (caller.now - 3):
                await anyio.sleep(0.005)  # pragma: no cover  # it may be so at once
                await caller.wait(0.02)  # pragma: no cover  # as above

    app = app_of(Keeper(work))
    async with stream_peer(app) as caller:
        await wait(20)
        tracemalloc.start()
        # What the caller keeps for the test is not the application's.
        kept = len(caller.playout._line) + sum(map(len, caller.messages))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        await wait(100)
        gc.collect()  # what is garbage is not kept
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kept = len(caller.playout._line) + sum(map(len, caller.messages)) - kept
    assert now - before - kept < 2_000_000
    assert app.active == 0


async def test_8_a_wrong_rate_is_refused_and_resampling_does_not_click() -> None:
    """A sound that knows its rate cannot be played at another; a resampler fed in pieces of 20 ms has no steps."""
    errors: list[str] = []

    async def work(stream: CallStream) -> None:
        try:
            await stream.send_audio(Pcm.tone(400, 0.1, 24_000))
        except InvalidRequestError as error:
            errors.append(str(error))

    async with stream_peer(app_of(Keeper(work), sample_rate=8_000)):
        pass
    assert "24000 Hz" in errors[0]
    pytest.importorskip("soxr")
    resampler = Resampler(24_000, 8_000)
    sound = Pcm.tone(400, 1.0, 24_000, level_db=-6)
    out = b"".join(resampler.feed(sound[at : at + 960]) for at in range(0, len(sound), 960)) + resampler.flush()
    samples = struct.unpack(f"<{len(out) // 2}h", out)
    steepest = 32_767 * 10 ** (-6 / 20) * math.tau * 400 / 8_000
    assert max(abs(b - a) for a, b in itertools.pairwise(samples[200:-200])) < 1.1 * steepest


async def test_9_work_of_one_call_does_not_stop_the_others(tmp_path: Path) -> None:
    """The files of recordings are written by a worker thread: a slow disk delays no frame."""
    names: set[str] = set()

    async def work(stream: CallStream) -> None:
        recording = stream.record(tmp_path / "call.wav")
        append = recording._append

        def slowly(left: bytes, right: bytes) -> None:
            names.add(threading.current_thread().name)
            time.sleep(0.05)
            append(left, right)

        recording._append = slowly  # type: ignore[method-assign]
        await echo(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(2.0)
        await caller.say(tone(0.5))
        assert caller.playout.gaps == []
    assert names
    assert threading.main_thread().name not in names


async def test_10_a_stranger_cannot_open_the_socket() -> None:
    """Without a token, with a used one, with one of another call; and it arrives even if a proxy strips the query."""
    app = app_of(echo, bind_calls=True)
    action = app.connect("call-1")
    with everything_logged() as lines:
        async with stream_peer(app, action=action) as caller:
            assert caller.verdict == "answer"
        for refused in ({"action": action}, {"token": ""}, {"token": app.token("call-2")}):
            async with stream_peer(app, **refused) as caller:
                assert caller.verdict == "reject"
    async with stream_peer(app, action=app.connect("call-1", token_in="headers")) as caller:
        assert caller.verdict == "answer"
    assert action.destination.endpoint.partition("token=")[2] not in "".join(lines)


async def test_and_control_messages_are_within_reach() -> None:
    """What the platform says of a call reaches the handler, whatever fields it has next year."""
    requests: list[StreamRequest] = []
    app = app_of(listen)
    app.on_request(requests.append)
    async with stream_peer(app, call_headers={"customer": "7"}, fields={"traceId": "abc"}) as caller:
        assert caller.verdict == "answer"
    assert (requests[0].call_headers, requests[0].extra) == ({"customer": "7"}, {"traceId": "abc"})
