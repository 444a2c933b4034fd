"""The instructions of SVAML: what is said, played, sent, recorded and remembered before the action."""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.credentials import hidden
from sinch_voice_async.models.fields import length
from sinch_voice_async.models.languages import TranscriptionLocale, Voice
from sinch_voice_async.models.svaml.fields import (
    Action,
    Instruction,
    Open,
    at_most_bytes,
    at_most_characters,
    limit,
    listed,
    tones,
    typed,
)

__all__ = [
    "Answer",
    "PlayFiles",
    "RecordingFormat",
    "RecordingOptions",
    "ReportCallStatus",
    "Say",
    "SendDtmf",
    "SetCookie",
    "StartRecording",
    "StopRecording",
    "TranscriptionOptions",
]

RecordingFormat: TypeAlias = Literal["mp3"] | str
"""The format of the file; the documents name mp3 alone, which is the default."""


@frozen(field_transformer=typed, kw_only=True)
class TranscriptionOptions(Open):
    """Whether the recording is transcribed, and from which language.

    The text is stored beside the recording some minutes later; a ``transcription_available`` notification names the
    file. ``locale`` is the spoken language, such as ``en-US``.

    Source: SVAML, Recording.
    """

    enabled: bool | None = None
    locale: TranscriptionLocale | None = None


def _secret(credentials: str | None) -> str | None:
    return hidden(credentials) if isinstance(credentials, str) else credentials


@frozen(field_transformer=typed, kw_only=True)
class RecordingOptions(Open):
    """The place and the format of a recording.

    ``destination_url`` is ``s3://bucket/[folder/][file]`` with ``credentials`` ``AccessKey:SecretKey:Region``, or
    ``azure://account/container[/file]`` with the access key. Without a file name the platform makes one from the
    time, the application key and the call id; a file of that name is overwritten. ``notification_events`` (the
    platform's default is True) asks for the ``recording_finished`` and ``recording_available`` notifications. The
    repr leaves out the credentials.

    Source: SVAML, Recording.
    """

    destination_url: str | None = None
    credentials: str | None = field(default=None, repr=False, converter=_secret)
    format: RecordingFormat | None = None
    notification_events: bool | None = None
    transcription_options: TranscriptionOptions | None = None


MOST_COOKIE_BYTES: Final = 1024
"""Keys and values of all cookies of one document, in bytes of UTF-8."""

CallStatus: TypeAlias = Literal["success", "failure"] | str


def too_many_cookies(instructions: Iterable[Instruction]) -> str | None:
    """Return the fault of the cookies that a document sets, or None."""
    cookies = [step for step in instructions if isinstance(step, SetCookie)]
    if not cookies:
        return None
    fault = at_most_bytes(MOST_COOKIE_BYTES, (text for cookie in cookies for text in (cookie.key, cookie.value)))
    return fault and f"set cookies that {fault}"


def _prompts(ids: Iterable[str]) -> tuple[str, ...]:
    return listed(ids)


@frozen(field_transformer=typed)
class PlayFiles(Instruction):
    """Play prompts to the caller, one after the other.

    Each of ``ids`` is the name of a recorded file, a URL, or the result of ``tts``, ``ssml`` or ``href``. ``locale`` is
    the language or voice of the spoken ones.

    Source: SVAML, playFiles.
    """

    ids: tuple[str, ...] = field(converter=_prompts, repr=lambda ids: f"<{len(ids)} prompts>")
    locale: Voice | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class Say(Instruction):
    """Speak a text.

    At most 600 characters, unless your account allows more: the limit is not checked here. ``locale`` is a language
    (``en-US``), a language and a gender (``en-US/male``) or the name of a voice.

    Source: SVAML, say.
    """

    text: str = field(repr=length)
    locale: Voice | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class SendDtmf(Instruction):
    """Send DTMF tones: ``0-9`` and ``#``, and ``w`` for a pause of 500 ms, as in ``ww1234#w#``.

    :raises InvalidRequestError: the text has any other character.

    Source: SVAML, sendDtmf.
    """

    value: str = field(repr=length, validator=limit(tones))


@frozen(field_transformer=typed)
class SetCookie(Instruction):
    """Remember a value for the rest of the call: later events bring it back (``event.cookie(key)``).

    All cookies of a document together have at most 1,024 bytes, keys included.

    :raises InvalidRequestError: they have more.

    Source: SVAML, setCookie.
    """

    key: str = field(validator=limit(lambda key: at_most_bytes(MOST_COOKIE_BYTES, (key,))))
    value: str = field(repr=length, validator=limit(lambda value: at_most_bytes(MOST_COOKIE_BYTES, (value,))))


@frozen(field_transformer=typed)
class Answer(Instruction):
    """Answer the call before the action is carried out. Billing starts here.

    Source: SVAML, answer.
    """


@frozen(field_transformer=typed)
class StartRecording(Instruction, Action):
    """Record this participant's call until it ends or until ``StopRecording``.

    It is an action too when an ongoing call is managed; newer documents have the instruction alone. The platform
    ignores it together with ``ConnectMxp``: use that action's ``record``.

    Source: SVAML, startRecording; Calling API, Manage Call.
    """

    options: RecordingOptions | None = None


@frozen(field_transformer=typed)
class StopRecording(Instruction, Action):
    """Stop the recording of ``StartRecording``; it is an action too when an ongoing call is managed.

    Source: SVAML, stopRecording; Calling API, Manage Call.
    """


@frozen(field_transformer=typed)
class ReportCallStatus(Instruction):
    """Tell the platform's call records how the call went; answered to DiCE, and only there.

    ``value`` is ``success`` or ``failure``; ``details`` has at most 64 characters. Only the documents of 2021 have it.

    Source: Callback API, Disconnected Call Event.
    """

    value: CallStatus
    details: str | None = field(default=None, kw_only=True, validator=limit(at_most_characters(64)))
