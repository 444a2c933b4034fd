"""Sound in memory: 16-bit little-endian mono PCM, by the standard library, and another rate, by soxr.

Ask the platform for the rate of your model (``StreamApp(sample_rate=…)``) rather than resampling: a resampler in small
pieces holds sound back (``quality="LQ"`` 12 to 61 ms, ``"VHQ"`` 75 to 105 ms in pieces of 20 ms).
"""

import importlib.util
import io
import math
import os
import sys
import wave
from array import array
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Self

from sinch_voice_async import _bounds, _files
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = ["Pcm", "Quality", "Resampler"]

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]

_LOUDEST: Final = 32_767
_SILENT_DB: Final = -math.inf


class Pcm(bytes):
    """Bytes of 16-bit little-endian mono PCM that know their ``sample_rate``, in hertz.

    They may be used wherever bytes are: ``await stream.send_audio(Pcm.from_wav("hello.wav"))``. A stream refuses a
    ``Pcm`` of another rate, which would be heard too fast or too slow.

    :raises InvalidRequestError: half a sample, or a rate that is not a whole number of hertz.
    """

    sample_rate: int

    def __new__(cls, data: bytes = b"", sample_rate: int = 16_000) -> Self:
        """Check the samples, and make the bytes."""
        _bounds.whole(sample_rate, "sample_rate", least=1, error=InvalidRequestError)
        if len(data) % 2:
            raise InvalidRequestError("data must be whole samples of 16 bits: it has an odd length", field="data")
        made = super().__new__(cls, data)
        made.sample_rate = sample_rate
        return made

    def __repr__(self) -> str:
        return f"<Pcm {self.seconds:.2f} s at {self.sample_rate} Hz>"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (bytes(self), self.sample_rate)

    @property
    def seconds(self) -> float:
        """How long it is heard."""
        return len(self) / 2 / self.sample_rate

    @classmethod
    def silence(cls, seconds: float, sample_rate: int = 16_000) -> Self:
        """Return silence of so many seconds."""
        _bounds.seconds(seconds, "seconds", error=InvalidRequestError)
        return cls(bytes(2 * round(seconds * sample_rate)), sample_rate)

    @classmethod
    def tone(cls, frequency: float, seconds: float, sample_rate: int = 16_000, *, level_db: float = -12.0) -> Self:
        """Return a tone of ``frequency`` hertz; ``level_db`` is that of its peaks, 0 the loudest there is."""
        _bounds.number(frequency, "frequency", above=0, error=InvalidRequestError)
        _bounds.seconds(seconds, "seconds", error=InvalidRequestError)
        _bounds.number(level_db, "level_db", most=0, error=InvalidRequestError)
        peak, step = _LOUDEST * 10 ** (level_db / 20), math.tau * frequency / sample_rate
        samples = array("h", (round(peak * math.sin(step * index)) for index in range(round(seconds * sample_rate))))
        return cls(_little(samples).tobytes(), sample_rate)

    @classmethod
    def from_wav(cls, source: str | os.PathLike[str] | BinaryIO | bytes, sample_rate: int | None = None) -> Self:
        """Read a WAV file of 16-bit PCM: a path, an open file, or its bytes. Several channels are mixed into one.

        With ``sample_rate`` the sound is resampled if the file has another rate, which needs the extra ``audio``.

        :raises InvalidRequestError: it is not such a file.
        :raises OSError: the file cannot be read.
        """
        opened: Any = io.BytesIO(source) if isinstance(source, bytes) else source
        name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "source"
        try:
            with wave.open(os.fspath(opened) if isinstance(opened, os.PathLike) else opened, "rb") as file:
                channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
                data = file.readframes(file.getnframes())
        except (wave.Error, EOFError) as error:
            problem = str(error) or "it is too short"
            raise InvalidRequestError(f"{name} is not a WAV file of PCM: {problem}", field="source") from None
        if width != 2:
            raise InvalidRequestError(f"{name} must have 16 bits a sample, not {8 * width}", field="source")
        data = data[: len(data) - len(data) % (2 * channels)]
        found = cls(data if channels == 1 else _mixed(data, channels), rate)
        if sample_rate in (None, rate):
            return found
        resampler = Resampler(rate, _bounds.whole(sample_rate, "sample_rate", least=1), quality="HQ")
        return cls(resampler.feed(found) + resampler.flush(), resampler.to)

    def to_wav(self: bytes, target: str | os.PathLike[str] | BinaryIO | None = None, sample_rate: int = 0) -> bytes:
        """Return the bytes of a WAV file, and write them to ``target`` if there is one.

        ``sample_rate`` is for bytes that do not know theirs: ``Pcm.to_wav(data, "a.wav", 16_000)``.
        """
        rate = sample_rate or getattr(self, "sample_rate", 16_000)
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(rate)
            writer.writeframes(self)
        data = file.getvalue()
        if isinstance(target, (str, os.PathLike)):
            _files.write_whole(Path(target), data, overwrite=True)
        elif target is not None:
            target.write(data)
        return data

    def level_db(self: bytes) -> float:
        """Return how loud it is: the root mean square in dB, 0 for the loudest there is, ``-inf`` for silence.

        Also for other bytes: ``Pcm.level_db(frame)``. Speech is above -45 dB or so, the noise of a line below -55.
        """
        samples = _samples(self)
        power = sum(each * each for each in samples) / len(samples) if samples else 0.0
        return 10 * math.log10(power) - 20 * math.log10(_LOUDEST) if power else _SILENT_DB


class Resampler:
    """Changes the rate of sound that comes in pieces, ``from_`` hertz ``to`` hertz. Needs the extra ``audio``.

    ``quality`` is soxr's: the better, the more it holds back. ``"LQ"`` is enough for a telephone.

    :raises ConfigurationError: soxr or numpy is missing, or an argument is wrong.
    """

    def __init__(self, from_: int, to: int, *, quality: Quality = "LQ") -> None:
        self.from_: int = _bounds.whole(from_, "from_", least=1)
        self.to: int = _bounds.whole(to, "to", least=1)
        _bounds.one_of(quality, "quality", ("QQ", "LQ", "MQ", "HQ", "VHQ"))
        if importlib.util.find_spec("soxr") is None or importlib.util.find_spec("numpy") is None:
            raise ConfigurationError("resampling needs soxr and numpy: pip install 'sinch-voice-async[audio]'")
        import numpy as np  # noqa: PLC0415  # an extra
        import soxr  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra

        self._from_bytes: Any = np.frombuffer
        self._empty: Any = np.zeros(0, dtype="<i2")
        self._stream: Any = soxr.ResampleStream(from_, to, 1, dtype="int16", quality=quality)
        self._half = b""

    def feed(self, data: bytes) -> bytes:
        """Return what is ready after another piece; half a sample waits for its other half."""
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return self._bytes(self._stream.resample_chunk(self._from_bytes(data[:whole], dtype="<i2")))

    def flush(self) -> bytes:
        """Return what was held back; the sound is over, and another may begin."""
        rest = self._bytes(self._stream.resample_chunk(self._empty, last=True))
        self._stream.clear()
        self._half = b""
        return rest

    @staticmethod
    def _bytes(samples: Any) -> bytes:
        return bytes(samples.astype("<i2").tobytes())


def _samples(data: bytes) -> "array[int]":
    samples = array("h")
    samples.frombytes(data[: len(data) & ~1])
    return _little(samples)


def _little(samples: "array[int]") -> "array[int]":
    if sys.byteorder == "big":  # pragma: no cover  # the suite runs on machines of the other order
        samples.byteswap()
    return samples


def _mixed(data: bytes, channels: int) -> bytes:
    samples = _samples(data)
    parts = [samples[channel::channels] for channel in range(channels)]
    return _little(array("h", (round(sum(each) / channels) for each in zip(*parts, strict=True)))).tobytes()
