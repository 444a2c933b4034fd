"""What is heard in recordings: speech where a program for it is installed, and tones elsewhere."""

import io
import os
import struct
import sys
import wave
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sinch_voice_async.sandbox import Recording, Sandbox
from sinch_voice_async.sandbox.exchange.recordings import Speech
from tests.sandbox.caller import in_process
from tests.sandbox.exchange.scripts import custom

SPEAKS = """
import struct, sys, wave
text = sys.stdin.read()
voice = sys.argv[sys.argv.index("-v") + 1] if "-v" in sys.argv else "none"
out = sys.argv[sys.argv.index("-o" if "-o" in sys.argv else "-w") + 1]
open(out + ".log", "w")
if voice == "xx":
    sys.exit("no such voice")
with wave.open(out, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    # Half a second; how high it is tells what was asked.
    height = len(text) + (1000 if voice == "sv-se" else 0) + (2000 if "-m" in sys.argv else 0)
    file.writeframes(struct.pack("<h", height) * 8000)
"""
MUTE = """
import sys
sys.exit(1)
"""
STEREO = """
import sys, wave
with wave.open(sys.argv[sys.argv.index("-w") + 1], "wb") as file:
    file.setnchannels(2), file.setsampwidth(2), file.setframerate(16000)
    file.writeframes(bytes(400))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that puts a program on the path, where nothing else is."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, source: str) -> None:
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\n{source}")
        program.chmod(0o755)

    return put


def heights(recording: Recording) -> list[int]:
    """Return what a recording sounds like at every quarter of a second."""
    with wave.open(io.BytesIO(recording.read())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8_000)
        samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
    return list(samples[1_000::2_000])


def recorded(*texts: tuple[str, str], seconds: float = 0.0) -> Recording:
    """Return the recording of a call in which texts were said."""
    sandbox = Sandbox(speed=0)
    says = [{"name": "say", "text": text, "locale": locale} for text, locale in texts]
    call = custom(sandbox, {"instructions": [{"name": "startRecording"}, *says], "action": {"name": "continue"}})
    sandbox.clock.step(sum(len(text) for text, _ in texts) / 15 + seconds)
    call.hang_up()
    [recording] = sandbox.recordings
    return recording


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
@pytest.mark.parametrize("name", ["espeak-ng", "espeak", "say"])
def test_every_text_is_spoken_where_it_was_heard(install: Callable[..., None], name: str) -> None:
    """At the rate of the recording, with silence after it, and in the voice of its locale."""
    install(name, SPEAKS)
    swedish = 15 if name == "say" else 1_015
    assert heights(recorded(("x" * 15, "en-US"), ("y" * 15, "sv-SE/male"))) == [15, 15, 0, 0, swedish, swedish, 0, 0]


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_markup_and_odd_voices(install: Callable[..., None]) -> None:
    """SSML is said to be some; a voice that the program does not know, or by a name, is its own one."""
    install("espeak-ng", SPEAKS)
    assert heights(recorded(("<speak>xyz</speak>", "")))[:2] == [2_018] * 2
    assert heights(recorded(("x" * 15, "xx")))[:2] == [15] * 2
    assert heights(recorded(("x" * 15, "Kimberly")))[:2] == [15] * 2


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_what_is_cut_short_is_not_heard(install: Callable[..., None]) -> None:
    """Somebody hung up in the middle of a text."""
    install("espeak-ng", SPEAKS)
    assert heights(recorded(("x" * 15, "en-US"), seconds=-0.75)) == [15]


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
@pytest.mark.parametrize("source", [MUTE, STEREO, "open(__import__('sys').argv[3], 'w')"])
def test_a_program_that_fails(install: Callable[..., None], source: str) -> None:
    """Its text is a tone."""
    install("espeak-ng", source)
    recording = recorded(("x" * 45, "en-US"))
    with wave.open(io.BytesIO(recording.read())) as file:
        samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
    assert max(samples[:8_000]) > 7_000
    assert set(samples[8_000:]) == {0}


def test_without_a_program_it_is_a_tone(install: Callable[..., None]) -> None:
    """All of it."""
    assert max(heights(recorded(("x" * 15, "en-US")))) > 0


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_speech_is_kept(install: Callable[..., None], tmp_path: Path) -> None:
    """As its script: it is spoken by the next sandbox, and a tone where nothing speaks there."""
    install("espeak-ng", SPEAKS)
    with closing(Sandbox(speed=0, state=tmp_path / "state.sqlite")) as before:
        call = custom(before, {"instructions": [{"name": "startRecording"}, {"name": "say", "text": "x" * 15}]})
        before.clock.step(1)
        call.hang_up()
        [recording] = before.recordings
        spoken = recording.read()
    with closing(Sandbox(state=tmp_path / "state.sqlite")) as after:
        [again] = after.recordings
        assert isinstance(again.content, Speech)
        assert again.read() == spoken
    (tmp_path / "espeak-ng").unlink()
    with closing(Sandbox(state=tmp_path / "state.sqlite")) as last:
        [tone] = last.recordings
        assert tone.size == len(spoken)
        assert tone.read() != spoken


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
async def test_a_part_is_the_same_part(install: Callable[..., None]) -> None:
    """Downloaded in ranges, with nothing spoken that is not asked for; the name is the platform's, the type is true."""
    install("espeak-ng", SPEAKS)
    recording = recorded(("x" * 15, "en-US"), ("y" * 15, "sv-SE"), seconds=1)
    sandbox = Sandbox()
    sandbox.recordings.add_of_call(recording.key, recording.content, recording.created_on)
    async with in_process(sandbox) as caller:
        whole = await caller.send("GET", f"/calling/v1/recording/{recording.key}")
        headers = {"range": "bytes=10000-16000"}
        part = await caller.send("GET", f"/calling/v1/recording/{recording.key}", headers=headers)
    assert whole.headers["content-type"] == "audio/wav"
    assert recording.key.endswith(".mp3")
    assert whole.content == recording.read()
    assert part.content == whole.content[10_000:16_001]
