"""Recording a call: where the file goes, and whether it is written down as text."""

from typing import Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models.languages import TranscriptionLocale
from sinch_voice_async.models.svaml.fields import typed
from sinch_voice_async.models.svaml.kinds import Open

__all__ = ["RecordingFormat", "RecordingOptions", "TranscriptionOptions"]

RecordingFormat: TypeAlias = Literal["mp3"] | str
"""The file's format; the documents name no other than mp3, which is the default."""


@frozen(field_transformer=typed, kw_only=True)
class TranscriptionOptions(Open):
    """Whether the recording is transcribed, and in which language. Voice API, Recording, Transcription.

    The text lands beside the recording some minutes later, and a ``transcription_available`` notification says where.
    ``locale`` is the language spoken, as in ``en-US``.
    """

    enabled: bool | None = None
    locale: TranscriptionLocale | None = None


@frozen(field_transformer=typed, kw_only=True)
class RecordingOptions(Open):
    """Where a recording is stored, and how. Voice API, Recording.

    ``destination_url`` is ``s3://bucket/[folder/][file]`` with ``credentials`` ``AccessKey:SecretKey:Region``, or
    ``azure://account/container[/file]`` with the access key. Without a file name the platform makes one from the
    time, the application key and the call id; a file of that name is overwritten. ``notification_events`` (the
    platform's default is True) asks for the ``recording_finished`` and ``recording_available`` notifications. The
    repr leaves out the credentials.
    """

    destination_url: str | None = None
    credentials: str | None = field(default=None, repr=False)
    format: RecordingFormat | None = None
    notification_events: bool | None = None
    transcription_options: TranscriptionOptions | None = None
