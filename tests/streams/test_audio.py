"""Sound in memory, and at another rate."""

import copy
import io
import math
import pickle
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.streams import Pcm, Resampler


def wav(data: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """Return a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return file.getvalue()


def test_silence_and_tones() -> None:
    """They have the length and the level that was asked for."""
    assert Pcm.silence(0.5, 8_000) == bytes(8_000)
    assert Pcm.silence(0.5).level_db() == -math.inf
    assert Pcm().level_db() == -math.inf
    sound = Pcm.tone(440, 1.0, 8_000, level_db=-6)
    assert (len(sound), sound.seconds, sound.sample_rate) == (16_000, 1.0, 8_000)
    assert sound.level_db() == pytest.approx(-6 - 3.01, abs=0.05)
    assert Pcm.level_db(b"\x00\x40" * 100 + b"\x00") == pytest.approx(-6.02, abs=0.01)


def test_a_pcm_is_bytes_that_know_their_rate() -> None:
    """It is shown in short, and survives copies."""
    sound = Pcm(b"\x01\x02", 24_000)
    assert sound == b"\x01\x02"
    assert repr(sound) == str(sound) == "<Pcm 0.00 s at 24000 Hz>"
    for other in (copy.copy(sound), copy.deepcopy(sound), pickle.loads(pickle.dumps(sound))):
        assert (other, other.sample_rate) == (sound, 24_000)


def test_wav_files_come_and_go(tmp_path: Path) -> None:
    """A path, an open file, bytes; several channels are mixed."""
    sound = Pcm.tone(440, 0.1, 8_000)
    file = tmp_path / "tone.wav"
    assert sound.to_wav(file) == file.read_bytes()
    for source in (file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes())):
        found = Pcm.from_wav(source)
        assert (found, found.sample_rate) == (sound, 8_000)
    both = Pcm.from_wav(wav(struct.pack("<4h", 100, 300, -100, -301), channels=2))
    assert struct.unpack("<2h", both) == (200, -200)
    buffer = io.BytesIO()
    Pcm.to_wav(b"\x01\x02", buffer, 24_000)
    assert Pcm.from_wav(buffer.getvalue()).sample_rate == 24_000
    assert Pcm.from_wav(Pcm.to_wav(b"\x01\x02")).sample_rate == 16_000


@pytest.mark.parametrize("data", [b"", b"RIFF", b"x" * 100, wav(b"\x01", width=1)])
def test_what_is_not_sound_is_refused(data: bytes) -> None:
    """The message names the argument."""
    with pytest.raises(InvalidRequestError, match="source"):
        Pcm.from_wav(data)


@pytest.mark.parametrize("data", [b"hello", wav(b"\x01", width=1)])
def test_a_file_that_is_not_sound_is_named(data: bytes, tmp_path: Path) -> None:
    """By its path, with a reason."""
    path = tmp_path / "voice.wav"
    path.write_bytes(data)
    for source in (path, str(path)):
        with pytest.raises(InvalidRequestError, match=r"voice\.wav (is not a WAV file of PCM: \w|must have 16 bits)"):
            Pcm.from_wav(source)


def test_arguments_are_bounded() -> None:
    """Half a sample, no rate, a negative time."""
    wrongs: list[Callable[[], object]] = [
        lambda: Pcm(b"1"),
        lambda: Pcm(b"", 0),
        lambda: Pcm.silence(-1),
        lambda: Pcm.tone(0, 1),
        lambda: Pcm.tone(400, math.nan),
        lambda: Pcm.tone(400, 1, level_db=1),
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidRequestError):
            wrong()


@pytest.mark.parametrize("quality", ["QQ", "LQ", "HQ"])
def test_resampling_in_pieces_is_resampling_at_once(quality: str) -> None:
    """Pieces of odd length, too; nothing is lost at the end; the next sound begins anew."""
    pytest.importorskip("soxr")
    sound = Pcm.tone(440, 1.0, 24_000)
    resampler = Resampler(24_000, 8_000, quality=quality)  # type: ignore[arg-type]
    whole = resampler.feed(sound) + resampler.flush()
    pieces = b"".join(resampler.feed(sound[at : at + 961]) for at in range(0, len(sound), 961)) + resampler.flush()
    assert len(whole) == 16_000
    assert abs(len(pieces) - len(whole)) <= 4
    assert Pcm.level_db(pieces) == pytest.approx(sound.level_db(), abs=0.2)
    again = Pcm.from_wav(sound.to_wav(), 8_000)
    assert (len(again), again.sample_rate) == (16_000, 8_000)


def test_resampling_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says which."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[audio\]"):
        Resampler(8_000, 16_000)


def test_arguments_of_the_resampler() -> None:
    """Rates are whole, and the quality is one of soxr's."""
    wrongs: list[dict[str, Any]] = [
        {"from_": 0, "to": 1},
        {"from_": 1, "to": 8.5},
        {"from_": 1, "to": 2, "quality": "best"},
    ]
    for wrong in wrongs:
        with pytest.raises(ConfigurationError, match="must be"):
            Resampler(**wrong)
