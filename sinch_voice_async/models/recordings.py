"""Recordings that the platform keeps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from sinch_voice_async.models.shown import unknown_fields

__all__ = ["ArchiveSummary", "Recording"]


@frozen(kw_only=True)
class Recording:
    """One file in the Sinch Drive.

    ``key`` is what it is downloaded and deleted by; ``created_on`` and ``expires_on`` are in UTC, and the platform
    deletes the file at the second; ``headers`` is what else is known of it. What the platform leaves out is None.
    Calling API, List Recordings.
    """

    key: str
    url: str | None = None
    created_on: datetime | None = None
    expires_on: datetime | None = None
    headers: Mapping[str, Any] = field(factory=dict, hash=False)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ArchiveSummary:
    """What one run of an archive did, in numbers of recordings.

    ``listed`` are those on the platform; of them, ``already_there`` were in the archive, ``downloaded`` were not, and
    ``vanished`` were deleted by somebody else before they could be. ``deleted`` are gone from the platform now;
    ``bytes_downloaded`` is the size of the new files.
    """

    listed: int = 0
    already_there: int = 0
    downloaded: int = 0
    vanished: int = 0
    deleted: int = 0
    bytes_downloaded: int = 0
