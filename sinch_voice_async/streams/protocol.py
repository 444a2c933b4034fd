"""The protocol of a media stream, without I/O: messages of the WebSocket in, events out, and the messages to send.

::

    platform                                server
       | text   {"command": "connect", …}      |
       |-------------------------------------->|
       |     text   {"command": "answer"}      |     or "busy", "reject": the stream ends
       |<--------------------------------------|
       | binary  16-bit mono PCM, both ways    |
       |<------------------------------------->|
       |     text   {"command": "clear"}       |     discards what is not played yet
       |<--------------------------------------|
       |     text   {"command": "heartbeat"}   |     at least once a minute without audio
       |<--------------------------------------|

Rules:

- Lenient in reading. Names and commands are read in any case, and in each spelling that was published: ``callId``,
  ``applicationKey`` or ``applicationId``, ``callHeaders`` or ``headers``, as an object or as a list of pairs. A field
  that cannot be read stays in ``extra``; it never costs the call. A message that cannot be read is ignored.
- Canonical in writing: the names of the AsyncAPI document "Voice Stream".
- No message of the other side raises an exception.

Source: connectStream; Voice Stream. Both sides are implemented: the server's for :class:`.StreamApp` and for any other
framework, the platform's for tests.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from attrs import field, frozen

from sinch_voice_async._wire.json import FROM_TEXT, TO_TEXT
from sinch_voice_async.errors import InvalidRequestError

__all__ = [
    "MOST_TEXT",
    "RATES",
    "Answered",
    "Audio",
    "Cleared",
    "Connected",
    "Heartbeat",
    "Ignored",
    "StreamEvent",
    "StreamProtocol",
    "StreamRequest",
    "Verdict",
]

Verdict: TypeAlias = Literal["answer", "busy", "reject"]
"""What the server says to a call."""

RATES: Final = (8_000, 16_000, 24_000, 44_100, 48_000, 96_000)
"""Samples a second that the platform publishes for voice 2.0; assumed to hold for ``connectStream`` too."""

MOST_TEXT: Final = 65_536
"""Characters of a text message that are read. Call headers have 1,024 bytes at most, so this is ample."""

_SLOWEST, _FASTEST = 1_000, 384_000
_VERDICTS: Final[Mapping[str, Verdict]] = {"answer": "answer", "busy": "busy", "reject": "reject"}
_T = TypeVar("_T")


def _names(headers: Mapping[str, str]) -> str:
    return repr([*headers])


def _size(pcm: bytes) -> str:
    return f"<{len(pcm)} bytes>"


@frozen(kw_only=True)
class StreamRequest:
    """What the platform says of a call that it connects to the server.

    ``sample_rate`` is in hertz; it is None, like ``application_key``, ``codec`` and ``version``, if the platform did
    not say it in a readable way. ``call_headers`` are those of the ``connectStream`` action. ``extra`` holds every
    other field as it came, and each known field that could not be read.

    Source: Voice Stream, connect; connectStream. The two documents disagree on names: both are read.
    """

    call_id: str
    application_key: str | None = None
    sample_rate: int | None = None
    codec: str | None = None
    version: int | None = None
    call_headers: Mapping[str, str] = field(factory=dict, repr=_names)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class Connected:
    """The platform asks whether the server takes a call (server's side)."""

    request: StreamRequest


@frozen
class Answered:
    """The server answers, is busy, or rejects (platform's side)."""

    verdict: Verdict


@frozen
class Audio:
    """Whole samples of 16-bit little-endian mono PCM; empty if only half a sample has come."""

    pcm: bytes = field(repr=_size)


@frozen
class Cleared:
    """The other side discards what is not played yet. From the platform it means nothing: ignore it."""


@frozen
class Heartbeat:
    """The other side is there, and has nothing to say."""


@frozen
class Ignored:
    """A message that changes nothing; ``reason`` says why, without its content."""

    reason: str


StreamEvent: TypeAlias = Connected | Answered | Audio | Cleared | Heartbeat | Ignored

_CLEARED, _HEARTBEAT = Cleared(), Heartbeat()


class StreamProtocol:
    """One stream's protocol, for one ``side``: ``"server"`` (yours) or ``"platform"``.

    Give each message of the WebSocket to :meth:`read`, and act on the event. The other methods return the message to
    send. ``state`` is ``"waiting"`` until ``connect`` has come (or was sent), then ``"connected"``, then
    ``"answered"`` or ``"refused"``.

    ::

        protocol = StreamProtocol()
        match protocol.read(message):
            case Connected(request):
                await socket.send(protocol.answer())
            case Audio(pcm):
                ...

    :raises InvalidRequestError: ``side`` is another word.
    """

    def __init__(self, side: Literal["server", "platform"] = "server") -> None:
        if side not in ("server", "platform"):
            raise InvalidRequestError(f"side must be 'server' or 'platform', not {side!r}", field="side")
        self.side: Literal["server", "platform"] = side
        self.state: Literal["waiting", "connected", "answered", "refused"] = "waiting"
        self._half = b""

    def read(self, message: str | bytes) -> StreamEvent:
        """Return what a message of the other side means. Never raises an exception."""
        if isinstance(message, str):
            return self._read_text(message)
        if self.state != "answered":
            return Ignored("audio before the answer")
        return Audio(self.whole_samples(message))

    def whole_samples(self, data: bytes) -> bytes:
        """Return the whole samples of received audio; half a sample waits for its other half."""
        if not self._half and not len(data) & 1:
            return data
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return data[:whole]

    def connect(self, request: StreamRequest) -> str:
        """Return the platform's first message."""
        self._expect("platform", "waiting", "connect")
        self.state = "connected"
        fields: dict[str, object] = {
            "command": "connect",
            "version": 1 if request.version is None else request.version,
            "callId": request.call_id,
            "applicationKey": request.application_key or "",
            "codec": request.codec or "PCM",
            "sampleRate": request.sample_rate or RATES[0],
            "callHeaders": dict(request.call_headers),
            **request.extra,
        }
        return TO_TEXT(fields)

    def answer(self) -> str:
        """Return the message that takes the call; audio may follow."""
        return self.reply("answer")

    def busy(self) -> str:
        """Return the message that says that no more calls are taken now."""
        return self.reply("busy")

    def reject(self) -> str:
        """Return the message that refuses the call."""
        return self.reply("reject")

    def reply(self, verdict: Verdict) -> str:
        """Return the message of a verdict.

        :raises InvalidRequestError: ``connect`` has not come, it has a reply, or this is not a verdict.
        """
        self._expect("server", "connected", verdict)
        if verdict not in _VERDICTS:
            raise InvalidRequestError(f"a verdict must be one of {', '.join(_VERDICTS)}", field="verdict")
        self.state = "answered" if verdict == "answer" else "refused"
        return f'{{"command":"{verdict}"}}'

    def clear(self) -> str:
        """Return the message that has the platform discard what it has not played yet."""
        self._expect("server", "answered", "clear")
        return '{"command":"clear"}'

    def heartbeat(self) -> str:
        """Return the message that keeps a stream without audio."""
        self._expect("server", "answered", "heartbeat")
        return '{"command":"heartbeat"}'

    def _expect(self, side: str, state: str, what: str) -> None:
        if self.side != side:
            raise InvalidRequestError(f"{what} is sent by the {side}", field="side")
        if self.state != state:
            raise InvalidRequestError(f"{what} is sent in state {state!r}, not {self.state!r}", field="state")

    def _read_text(self, message: str) -> StreamEvent:
        if len(message) > MOST_TEXT:
            return Ignored(f"a text of {len(message)} characters")
        try:
            found = FROM_TEXT(message)
        except (ValueError, RecursionError):
            return Ignored("a text that is not JSON")
        if not isinstance(found, dict):
            return Ignored("JSON that is not an object")
        fields = cast("dict[str, Any]", found)
        command = next((value for name, value in fields.items() if name.lower() == "command"), None)
        if not isinstance(command, str):
            return Ignored("an object without a command")
        return self._read_command(command.strip().lower(), fields)

    def _read_command(self, command: str, fields: dict[str, Any]) -> StreamEvent:
        if command == "clear":
            return _CLEARED
        if command == "heartbeat":
            return _HEARTBEAT
        if command == "connect" and self.side == "server":
            return self._read_connect(fields)
        verdict = _VERDICTS.get(command) if self.side == "platform" else None
        if verdict is not None:
            return self._read_verdict(verdict)
        return Ignored(f"the command {command[:40]!a}")

    def _read_connect(self, fields: dict[str, Any]) -> StreamEvent:
        if self.state != "waiting":
            return Ignored("a second connect")
        request = read_request(fields)
        if request is None:
            return Ignored("a connect without the id of a call")
        self.state = "connected"
        return Connected(request)

    def _read_verdict(self, verdict: Verdict) -> StreamEvent:
        if self.state != "connected":
            return Ignored(f"{verdict} in state {self.state}")
        self.state = "answered" if verdict == "answer" else "refused"
        return Answered(verdict)


def read_request(fields: Mapping[str, Any]) -> StreamRequest | None:
    """Return what a ``connect`` says; None if it does not name the call."""
    rest = {name: value for name, value in fields.items() if name.lower() != "command"}
    call_id = _take(rest, ("callId", "call_id"), _text)
    if call_id is None:
        return None
    return StreamRequest(
        call_id=call_id,
        application_key=_take(rest, ("applicationKey", "applicationId"), _text),
        sample_rate=_take(rest, ("sampleRate",), _rate),
        codec=_take(rest, ("codec",), _text),
        version=_take(rest, ("version",), _whole),
        call_headers=_take_headers(rest),
        extra=rest,
    )


def _take(fields: dict[str, Any], names: Iterable[str], read: Callable[[Any], _T | None]) -> _T | None:
    """Remove the first field of one of these names that can be read, and return what it says."""
    spelled = {name.lower(): name for name in fields}
    for name in names:
        own = spelled.get(name.lower())
        value = None if own is None else read(fields[own])
        if own is not None and value is not None:
            del fields[own]
            return value
    return None


def _take_headers(fields: dict[str, Any]) -> dict[str, str]:
    """Remove the call headers, and return them; the AsyncAPI document's name goes before that of the tutorials.

    If one of them cannot be read, the others are returned, and all of them stay.
    """
    found: dict[str, str] = {}
    spelled = {name.lower(): name for name in fields}
    for own in filter(None, map(spelled.get, ("callheaders", "headers"))):
        pairs = _pairs(fields[own])
        known = {key: value for key, value in pairs or () if key is not None and value is not None}
        if pairs is not None and len({key for key, _ in pairs}) == len(known):
            del fields[own]
        found = found or known
    return found


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    # Half a surrogate pair could neither be logged nor sent on.
    return value.encode("utf-8", "replace").decode()


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _rate(value: Any) -> int | None:
    rate = _whole(value)
    return rate if rate is not None and _SLOWEST <= rate <= _FASTEST else None


def _pairs(value: Any) -> list[tuple[str | None, str | None]] | None:
    """Read an object, or a list of ``{"key": …, "value": …}``; None for anything else."""
    if isinstance(value, dict):
        pairs = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
        pairs = [(_member(each, "key"), _member(each, "value")) for each in cast("list[dict[str, Any]]", value)]
    else:
        return None
    return [(_text(key), "" if each == "" else _text(each)) for key, each in pairs]


def _member(pair: dict[str, Any], name: str) -> Any:
    return next((value for key, value in pair.items() if key.lower() == name), None)
