"""Recordings that the platform stores."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from sinch_voice_async.models.fields import unknown_fields

__all__ = ["ArchiveSummary", "Recording"]


@frozen(kw_only=True)
class Recording:
    """One file in the Sinch Drive.

    ``key`` names it for downloads and deletion; ``created_on`` and ``expires_on`` are in UTC, and the platform deletes
    the file at the second; ``headers`` are further facts. A field that the platform leaves out is ``None``.

    Source: Calling API, List Recordings.
    """

    key: str
    url: str | None = None
    created_on: datetime | None = None
    expires_on: datetime | None = None
    headers: Mapping[str, Any] = field(factory=dict, hash=False)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ArchiveSummary:
    """The result of one run of an archive, in numbers of recordings.

    ``listed`` are those on the platform; of them, ``already_there`` were in the archive, ``downloaded`` were not, and
    ``vanished`` disappeared before they could be downloaded. ``deleted`` are gone from the platform now;
    ``bytes_downloaded`` is the size of the new files.
    """

    listed: int = 0
    already_there: int = 0
    downloaded: int = 0
    vanished: int = 0
    deleted: int = 0
    bytes_downloaded: int = 0
