"""Conferences: their participants, and the commands for them."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.fields import Absent, masked, unknown_fields

__all__ = ["Conference", "ConferenceCommand", "ConferenceDtmfOptions", "DtmfMode", "MusicOnHold", "Participant"]

MusicOnHold: TypeAlias = Literal["ring", "music1", "music2", "music3"] | str
"""The music or tone for a participant who waits."""

DtmfMode: TypeAlias = Literal["ignore", "forward", "detect"] | str
"""How keys that a participant presses are treated; the platform's default is ``ignore``."""


@frozen(kw_only=True)
class ConferenceDtmfOptions:
    """How keys that a participant presses are treated.

    ``forward`` plays them to the others. ``detect`` sends them in PromptInput events, in sequences of ``max_digits``
    (the platform's default is 1), ended early by a pause of ``timeout_mills`` milliseconds (default 3,000).

    :raises InvalidRequestError: a number is negative.

    Source: SVAML, connectConf.
    """

    mode: DtmfMode | None = field(default=None, validator=limits.text)
    max_digits: int | None = field(default=None, validator=limits.count)
    timeout_mills: int | None = field(default=None, validator=limits.count)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Participant:
    """One leg in a conference.

    ``call_id`` is the id of the leg's call; ``cli`` is the number of a telephone, or the text that an app gave;
    ``duration`` is the seconds in the conference. A field that the platform leaves out is ``None``, the id too.

    Source: Calling API, Get Conference Info.
    """

    call_id: str | None = None
    cli: str | None = field(default=None, repr=masked)
    duration: int | None = None
    muted: bool | None = None
    on_hold: bool | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Conference:
    """An ongoing conference and its participants.

    Source: Calling API, Get Conference Info.
    """

    participants: tuple[Participant, ...] = Absent()
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ConferenceCommand:
    """A command for one participant; ``moh`` is for ``onhold`` only.

    Source: Calling API, Mute/Unmute Conference Participant.
    """

    command: Literal["mute", "unmute", "onhold", "resume"] | str = field(validator=limits.text)
    moh: MusicOnHold | None = field(default=None, validator=limits.text)
