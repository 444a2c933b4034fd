"""A call as a WAV file of two channels, written while it lasts."""

import logging
import struct
import wave
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.streams import CallStream, Pcm
from sinch_voice_async.streams import recording as module
from sinch_voice_async.testing import stream_peer
from tests.streams.agents import Keeper, app_of, listen, near, tone


def channels(path: Path) -> tuple[Pcm, Pcm]:
    """Return the caller's sound and the server's."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        data, rate = file.readframes(file.getnframes()), file.getframerate()
    both = struct.unpack(f"<{len(data) // 2}h", data)
    left, right = (struct.pack(f"<{len(data) // 4}h", *both[side::2]) for side in (0, 1))
    return Pcm(left, rate), Pcm(right, rate)


async def settled(caller: Any, path: Path, seconds: float) -> None:
    """Wait until so much is in the file, which a thread writes."""
    await caller.until(lambda: path.stat().st_size >= 44 + seconds * 64_000, timeout=300)


async def test_both_sides_are_on_one_time_line(tmp_path: Path) -> None:
    """The caller speaks in the second second, the server in the third; each is where it was heard."""
    path = tmp_path / "call.wav"

    async def work(stream: CallStream) -> None:
        stream.record(path)
        await started.wait()
        await stream.send_audio(tone(1.0))
        await listen(stream)

    started = anyio.Event()
    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(1.0)
        await caller.say(tone(1.0))
        started.set()
        await caller.wait(2.0)
    left, right = channels(path)
    assert near(left.seconds, 4.0, 0.1)
    assert left.seconds == right.seconds
    for side, begin in ((left, 1.0), (right, 2.0)):
        at, second = round(begin * 32_000), 32_000
        assert Pcm.level_db(side[at + 6_400 : at + second - 6_400]) > -20
        assert Pcm.level_db(side[: at - 6_400]) < -60
        assert Pcm.level_db(side[at + second + 6_400 :]) < -60
    assert path.stat().st_mode & 0o777 == 0o600


async def test_it_can_be_heard_while_the_call_lasts(tmp_path: Path) -> None:
    """Each second is in the file, whose header is right; the memory does not grow."""
    path = tmp_path / "call.wav"
    recordings: list[Any] = []

    async def work(stream: CallStream) -> None:
        recordings.append(stream.record(path))
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await settled(caller, path, 5.0)
        assert channels(path)[0].seconds >= 5.0
        assert len(recordings[0]._left) + len(recordings[0]._right) < 4 * 64_000


async def test_what_was_cleared_is_not_in_it(tmp_path: Path) -> None:
    """Since the caller has not heard it."""
    path = tmp_path / "call.wav"

    async def work(stream: CallStream) -> None:
        async with stream.record(path):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stream.send_audio, tone(5.0))
                async for frame in stream:
                    if Pcm.level_db(frame) > -40:
                        await stream.clear()
                        break
            async for _ in stream:
                pass

    async with stream_peer(app_of(Keeper(work), lead=1.0)) as caller:
        await caller.wait(0.5)
        await caller.say(tone(0.1))
        await caller.wait(2.0)
    right = channels(path)[1]
    assert near(len(bytes(right).rstrip(b"\0")) / 32_000, 0.52, 0.06)


async def test_a_recording_ends_with_its_block(tmp_path: Path) -> None:
    """And may be closed twice; another may be made in the same call."""
    first, second = tmp_path / "first.wav", tmp_path / "second.wav"

    async def work(stream: CallStream) -> None:
        async with stream.record(first) as recording:
            for _ in range(50):
                await stream.receive()
        await recording.aclose()
        stream.record(second)
        await listen(stream)

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.until(second.exists)
        await caller.wait(2.0)
    assert keeper.error is None
    assert near(channels(first)[0].seconds, 1.0, 0.15)
    assert channels(second)[0].seconds > 1.5


async def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    """It exists, it is a link, its folder is missing: the handler gets an OSError, and nothing is overwritten."""
    taken, link = tmp_path / "taken.wav", tmp_path / "link.wav"
    taken.write_bytes(b"mine")
    link.symlink_to(tmp_path / "elsewhere")

    async def work(stream: CallStream) -> None:
        for path in (taken, link, tmp_path / "no" / "folder.wav"):
            with pytest.raises(OSError, match=path.name):
                stream.record(path)
        with pytest.raises(ConfigurationError, match="path"):
            stream.record("")
        stream.record(taken, overwrite=True)
        await listen(stream)

    keeper = Keeper(work)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(1.0)
    assert keeper.error is None
    assert channels(taken)[0].seconds > 0.5
    assert not (tmp_path / "elsewhere").exists()


async def test_a_full_disk_does_not_end_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The recording stops, and the log says so at the end."""
    recordings: list[Any] = []

    async def work(stream: CallStream) -> None:
        recordings.append(stream.record(tmp_path / "call.wav"))
        await listen(stream)

    def full(*_: Any) -> bytes:
        raise OSError(28, "No space left on device")

    keeper = Keeper(work)
    with caplog.at_level(logging.ERROR):
        async with stream_peer(app_of(keeper)) as caller:
            await caller.wait(0.5)
            monkeypatch.setattr(module, "_interleaved", full)
            await caller.until(lambda: recordings[0].error)
            await caller.wait(1.0)
            assert keeper.stream.ended is None
    assert "No space left" in caplog.text
    assert keeper.error is None


async def test_a_file_that_fails_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has it."""

    async def work(stream: CallStream) -> None:
        stream.record(tmp_path / "call.wav")
        await listen(stream)

    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(0.2)
        monkeypatch.setattr(wave.Wave_write, "_ensure_header_written", fail)
    assert "Input/output error" in caplog.text


async def test_a_peer_that_stalls_and_floods(tmp_path: Path) -> None:
    """Silence takes the place of what did not come; what is far ahead of the clock is not recorded."""
    path = tmp_path / "call.wav"

    async def work(stream: CallStream) -> None:
        stream.record(path)
        await listen(stream)

    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.say(tone(0.2))
        await caller._pass(1.0)
        await caller.say(tone(0.2))
        for _ in range(20):
            caller.send(bytes(tone(1.0)))
        await caller.wait(0.5)
    left = channels(path)[0]
    assert near(left.seconds, 1.9, 0.2)
    assert Pcm.level_db(left[9_600:32_000]) < -60
    assert Pcm.level_db(left[45_000:]) > -20
