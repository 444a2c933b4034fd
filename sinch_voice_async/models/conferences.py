"""Conferences: who is in one, and what one can be told."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.shown import Absent, masked, unknown_fields

__all__ = ["Conference", "ConferenceCommand", "ConferenceDtmfOptions", "DtmfMode", "MusicOnHold", "Participant"]

MusicOnHold: TypeAlias = Literal["ring", "music1", "music2", "music3"] | str
"""What is played to somebody who waits."""

DtmfMode: TypeAlias = Literal["ignore", "forward", "detect"] | str
"""What becomes of the keys that a participant presses; the platform's default is ``ignore``."""


@frozen(kw_only=True)
class ConferenceDtmfOptions:
    """What becomes of the keys that a participant presses.

    ``forward`` plays them to the others. ``detect`` sends them in PromptInput events, in sequences of ``max_digits``
    (the platform's default is 1), ended early by a pause of ``timeout_mills`` milliseconds (3,000). Raises
    ``InvalidRequestError`` for a negative number. Voice API, connectConf, ``conferenceDtmfOptions``.
    """

    mode: DtmfMode | None = field(default=None, validator=limits.text)
    max_digits: int | None = field(default=None, validator=limits.count)
    timeout_mills: int | None = field(default=None, validator=limits.count)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Participant:
    """One leg in a conference.

    ``call_id`` is the id of the leg's call; ``cli`` the number of a telephone, or whatever an app gave; ``duration``
    the seconds in the conference. What the platform leaves out is None. Calling API, Get Conference Info.
    """

    call_id: str | None = None
    cli: str | None = field(default=None, repr=masked)
    duration: int | None = None
    muted: bool | None = None
    on_hold: bool | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Conference:
    """An ongoing conference and who is in it. Calling API, Get Conference Info."""

    participants: tuple[Participant, ...] = Absent()
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ConferenceCommand:
    """What is to become of one participant; ``moh`` goes with ``onhold`` only.

    Calling API, Mute/Unmute Conference Participant.
    """

    command: Literal["mute", "unmute", "onhold", "resume"] | str = field(validator=limits.text)
    moh: MusicOnHold | None = field(default=None, validator=limits.text)
