"""The actions of SVAML: how the call continues after the instructions.

Durations are whole seconds. ``record`` with ``recording_options`` on an action records the call that it connects; on
``ConnectConference`` that is the whole conference, until all have left. Only the recording page has the pair.

Source: SVAML, Actions.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from attrs import Attribute, evolve, field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.calls import ConferenceDtmfOptions, MusicOnHold
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.fields import length, masked
from sinch_voice_async.models.languages import Indications, Voice
from sinch_voice_async.models.limits import LONGEST_CALL, LONGEST_CONFERENCE_ID
from sinch_voice_async.models.svaml.fields import (
    Action,
    Open,
    at_most_bytes,
    at_most_characters,
    caller_without_separators,
    count,
    limit,
    listed,
    phone_number,
    seconds,
    tones,
    typed,
    without_separators,
)
from sinch_voice_async.models.svaml.instructions import RecordingOptions
from sinch_voice_async.models.svaml.menus import Menu, broken_menus, unplayable

__all__ = [
    "Amd",
    "CallHeader",
    "ConnectConference",
    "ConnectMxp",
    "ConnectPstn",
    "ConnectSip",
    "ConnectStream",
    "Continue",
    "Hangup",
    "Park",
    "RunMenu",
    "StreamingOptions",
    "Transport",
]

LONGEST_PARK: Final = 600
MOST_HEADER_BYTES: Final = 1024

Transport: TypeAlias = Literal["UDP", "TCP", "TLS"] | str


@frozen(field_transformer=typed)
class CallHeader(Open):
    """One key and value that the other side of the call receives, and later events too.

    Source: Call Headers.
    """

    key: str
    value: str = field(repr=length)


@frozen(field_transformer=typed)
class Amd(Open):
    """Answering machine detection.

    With ``async_`` the call continues at once and a notification brings the result; otherwise the ACE event waits for
    it.

    Source: AMD v2, Request.
    """

    enabled: bool | None = True
    async_: bool | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed, kw_only=True)
class StreamingOptions(Open):
    """The protocol's ``version`` and the ``sample_rate`` in hertz of a streamed call.

    Source: connectStream, Options.
    """

    version: int | None = field(default=None, validator=limit(count))
    sample_rate: int | None = field(default=None, validator=limit(count))


def _headers(headers: Mapping[str, str] | Iterable[CallHeader] | None) -> tuple[CallHeader, ...] | None:
    """Return call headers as the wire has them, from a mapping or from ``CallHeader`` items."""
    if isinstance(headers, Mapping):
        pairs = cast("Mapping[str, object]", headers).items()
        for key, value in pairs:
            if not isinstance(value, str):
                problem = f"call_headers[{key!r}] must be str, not {type(value).__name__}"
                raise InvalidRequestError(problem, field="call_headers")
        return tuple(CallHeader(key, cast("str", value)) for key, value in pairs)
    return None if headers is None else listed(headers)


def _too_many_headers(headers: Iterable[CallHeader]) -> str | None:
    return at_most_bytes(MOST_HEADER_BYTES, (text for header in headers for text in (header.key, header.value)))


def _username(name: str | Destination | None) -> Destination | None:
    return Destination.username(name) if isinstance(name, str) else name


def _phone(number: str | Destination | None) -> Destination | None:
    return Destination.number(number) if isinstance(number, str) else number


def _sip(address: str | Destination) -> Destination:
    return Destination.sip(address) if isinstance(address, str) else address


def _websocket(url: str | Destination) -> Destination:
    if isinstance(url, str):
        url = Destination(type="websocket", endpoint=url)
    # The documents write this type alone with a capital letter.
    return evolve(url, type="Websocket") if getattr(url, "type", None) == "websocket" else url


@frozen(field_transformer=typed)
class Hangup(Action):
    """End the call.

    Source: SVAML, hangup.
    """


@frozen(field_transformer=typed)
class Continue(Action):
    """Continue as if there had been no event: connect the call, or play the text of the callout.

    It is not allowed in answer to ICE, which has nothing to continue with.

    Source: SVAML, continue.
    """

    record: bool | None = field(default=None, kw_only=True)
    recording_options: RecordingOptions | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class ConnectPstn(Action):
    """Connect the call to a telephone number.

    Without ``number`` that is the extension that was dialled. ``cli`` is shown to the callee; ``private`` hides it.
    ``max_duration`` is at most 14,400 s. ``dial_timeout`` is how long it may ring. ``suppress_callbacks`` asks for no
    ACE and no DiCE. ``dtmf`` is sent when the callee answers. ``indications`` is the country whose ringing tone is
    played (``se``, ``us`` …). Raises ``InvalidRequestError`` for a number that is not E.164 and for what is past a
    limit.
    """

    number: str | None = field(default=None, repr=masked, converter=without_separators, validator=limit(phone_number))
    locale: Voice | None = field(default=None, kw_only=True)
    max_duration: int | None = field(default=None, kw_only=True, validator=limit(seconds(LONGEST_CALL)))
    dial_timeout: int | None = field(default=None, kw_only=True, validator=limit(count))
    cli: str | None = field(default=None, kw_only=True, repr=masked, converter=caller_without_separators)
    suppress_callbacks: bool | None = field(default=None, kw_only=True)
    dtmf: str | None = field(default=None, kw_only=True, repr=length, validator=limit(tones))
    indications: Indications | None = field(default=None, kw_only=True)
    amd: Amd | None = field(default=None, kw_only=True)
    destination: Destination | None = field(default=None, kw_only=True, converter=_phone)
    record: bool | None = field(default=None, kw_only=True)
    recording_options: RecordingOptions | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class ConnectMxp(Action):
    """Connect the call to an app or web client.

    ``destination`` is its user name; by default the one that was called. ``call_headers``, a mapping or ``CallHeader``
    items, have at most 1,024 bytes in all, keys included.
    """

    destination: Destination | None = field(default=None, converter=_username)
    call_headers: tuple[CallHeader, ...] | None = field(
        default=None, kw_only=True, converter=_headers, validator=limit(_too_many_headers)
    )
    record: bool | None = field(default=None, kw_only=True)
    recording_options: RecordingOptions | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class ConnectConference(Action):
    """Connect the call to a conference, which is created if it does not exist; its id has 1 to 64 characters.

    ``moh`` is heard by a single participant. ``suppress_callbacks`` asks for no ACE and no DiCE of this leg.

    Source: SVAML, connectConf.
    """

    conference_id: str = field(validator=limit(at_most_characters(LONGEST_CONFERENCE_ID)))
    conference_dtmf_options: ConferenceDtmfOptions | None = field(default=None, kw_only=True)
    moh: MusicOnHold | None = field(default=None, kw_only=True)
    cli: str | None = field(default=None, kw_only=True, repr=masked, converter=caller_without_separators)
    suppress_callbacks: bool | None = field(default=None, kw_only=True)
    record: bool | None = field(default=None, kw_only=True)
    recording_options: RecordingOptions | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class ConnectSip(Action):
    """Connect the call to a SIP server; ``destination`` is an address, as in ``46708000000@sip.example.com``.

    ``transport`` is UDP by default. ``call_headers`` go as private SIP headers, at most 1,024 bytes of them;
    ``max_duration`` is at most 14,400 s; ``moh`` is heard until the other side answers.
    """

    destination: Destination = field(converter=_sip)
    max_duration: int | None = field(default=None, kw_only=True, validator=limit(seconds(LONGEST_CALL)))
    cli: str | None = field(default=None, kw_only=True, repr=masked, converter=caller_without_separators)
    transport: Transport | None = field(default=None, kw_only=True)
    suppress_callbacks: bool | None = field(default=None, kw_only=True)
    call_headers: tuple[CallHeader, ...] | None = field(
        default=None, kw_only=True, converter=_headers, validator=limit(_too_many_headers)
    )
    moh: MusicOnHold | None = field(default=None, kw_only=True)
    record: bool | None = field(default=None, kw_only=True)
    recording_options: RecordingOptions | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class ConnectStream(Action):
    """Connect the call's sound to a WebSocket server (a closed beta); ``destination`` is its ``wss://`` address.

    ``call_headers``, at most 1,024 bytes, are in the first message; ``max_duration`` is at most 14,400 s.
    """

    destination: Destination = field(converter=_websocket)
    streaming_options: StreamingOptions | None = field(default=None, kw_only=True)
    max_duration: int | None = field(default=None, kw_only=True, validator=limit(seconds(LONGEST_CALL)))
    call_headers: tuple[CallHeader, ...] | None = field(
        default=None, kw_only=True, converter=_headers, validator=limit(_too_many_headers)
    )


def _menus(menus: Iterable[Menu]) -> tuple[Menu, ...]:
    return listed(menus)


def _connected(action: "RunMenu", attribute: "Attribute[Any]", menus: tuple[Menu, ...]) -> None:
    limit(lambda found: broken_menus(found, action.main_menu))(action, attribute, menus)


@frozen(field_transformer=typed)
class RunMenu(Action):
    """Play menus and wait for keys; a PIE event brings what was pressed.

    One menu must be ``main``, or be named by ``main_menu``; each id is there once, no option leads to a menu that is
    not there, and no menu is out of reach. ``barge`` (True by default) lets the caller press a key
    before the prompt has ended. ``enable_voice`` accepts spoken answers, and requires a ``locale``.

    :raises InvalidRequestError: the menus are broken in one of these ways.

    Source: SVAML, runMenu.
    """

    menus: tuple[Menu, ...] = field(converter=_menus, validator=_connected)
    barge: bool | None = field(default=None, kw_only=True)
    locale: Voice | None = field(default=None, kw_only=True)
    main_menu: str | None = field(default=None, kw_only=True)
    enable_voice: bool | None = field(default=None, kw_only=True)


@frozen(field_transformer=typed)
class Park(Action):
    """Hold the call until it is managed (``client.calls.update``), for at most ``max_duration`` seconds: 600.

    ``intro_prompt`` is played once, ``hold_prompt`` repeatedly.

    Source: SVAML, park.
    """

    locale: Voice | None = field(default=None, kw_only=True)
    intro_prompt: str | None = field(default=None, kw_only=True, repr=length, validator=limit(unplayable))
    hold_prompt: str | None = field(default=None, kw_only=True, repr=length, validator=limit(unplayable))
    max_duration: int | None = field(default=None, kw_only=True, validator=limit(seconds(LONGEST_PARK)))
