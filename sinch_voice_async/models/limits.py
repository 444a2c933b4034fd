"""The limits of a request's fields: attrs validators and converters, whose errors name the field.

Rules:

- Only documented limits are checked, when the model is built and so before anything is sent.
- None means left out, and passes if a field is optional. A value of a wrong type is refused like one of a wrong size,
  with :class:`~sinch_voice_async.errors.InvalidRequestError`.
- No message repeats a text: it may be a phone number or a PIN.
- This is the hot path: the only code of this library that runs when a callout to a telephone number is built.

Source: Calling API, Callouts; SVAML, Actions.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from sinch_voice_async import _bounds
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.destinations import DIALABLE, Destination, checked, read_caller, read_dialable

Field: TypeAlias = "attrs.Attribute[Any]"
Validator: TypeAlias = Callable[[object, Field, object], None]

LONGEST_CALL: Final = 14_400
"""Seconds."""

MOST_CUSTOM_BYTES: Final = 1024
"""Bytes of UTF-8."""

LONGEST_CONFERENCE_ID: Final = 64
"""Characters."""

MOST_NUMBERS: Final = 100
"""Numbers in one request."""

MOST_CALLBACK_HEADERS: Final = 5
"""Headers of one callout."""

_HEADER_NAME: Final = re.compile(r"X-CB-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,27}", re.IGNORECASE)
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,128}")
_SPOKEN: Final = "#tts["
_TONES: Final = re.compile("[0-9#w]*")


def refuse(field: str, rule: str) -> NoReturn:
    """Raise ``InvalidRequestError``: the field must be what the rule says."""
    raise InvalidRequestError(f"{field} must be {rule}", field=field)


def to_destination(value: str | Destination) -> Destination:
    """Return the destination of a callout: made from a phone number, or checked."""
    if isinstance(value, str):
        number = value if DIALABLE.fullmatch(value) else read_dialable(value, "destination")
        return Destination(type="number", endpoint=number)
    if not isinstance(value, Destination):
        refuse("destination", "a phone number or a Destination")
    return checked(value, "destination")


def to_destination_or_none(value: str | Destination | None) -> Destination | None:
    """Return the destination of a callout, or None."""
    return None if value is None else to_destination(value)


def to_phone_numbers(values: Iterable[str]) -> tuple[str, ...]:
    """Return 1 to 100 phone numbers as a tuple."""
    numbers = () if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
    if not 1 <= len(numbers) <= MOST_NUMBERS:
        refuse("numbers", f"a list of 1 to {MOST_NUMBERS} phone numbers")
    return tuple(read_dialable(number, f"numbers[{index}]") for index, number in enumerate(numbers))


def to_phone_number(value: str) -> str:
    """Return a phone number in E.164 form, with or without the plus."""
    return read_dialable(value, "number")


def to_caller(value: str | None) -> str | None:
    """Return the number shown to the callee without separators; a name, or ``private``, as it is."""
    return value if not isinstance(value, str) or DIALABLE.fullmatch(value) else read_caller(value)


def text(_: object, field: Field, value: object) -> None:
    """Allow any text."""
    if value is not None and not isinstance(value, str):
        refuse(field.name, "a str")


def given(_: object, field: Field, value: object) -> None:
    """Allow any text that is not empty: what is spoken, and the name of a voice, a domain or a music."""
    if value is not None and not (isinstance(value, str) and value):
        refuse(field.name, "a str that is not empty; leave it out for the default of the platform")


def label(_: object, field: Field, value: object) -> None:
    """Allow a line of printable text that is not empty: a name, a key, a number to show."""
    if value is not None and not (isinstance(value, str) and value and value.isprintable()):
        refuse(field.name, "a str that is not empty and has no control characters")


def tones(_: object, field: Field, value: object) -> None:
    """Allow DTMF to send: digits, ``#``, and ``w`` for a pause of 500 ms."""
    if value is not None and not (isinstance(value, str) and _TONES.fullmatch(value)):
        refuse(field.name, "a str of the tones 0-9 and #, and w for a pause of half a second")


def custom(_: object, field: Field, value: object) -> None:
    """Allow at most 1,024 bytes of text in UTF-8."""
    if value is not None and not (
        isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) <= MOST_CUSTOM_BYTES
    ):
        refuse(field.name, f"a str of at most {MOST_CUSTOM_BYTES} bytes in UTF-8")


def conference_id(_: object, field: Field, value: object) -> None:
    """Require an id of 1 to 64 characters."""
    if not (isinstance(value, str) and 1 <= len(value) <= LONGEST_CONFERENCE_ID):
        refuse(field.name, f"a str of 1 to {LONGEST_CONFERENCE_ID} characters")


def call_seconds(_: object, field: Field, value: object) -> None:
    """Allow a duration of 0 to 14,400 whole seconds."""
    if value is not None:
        _bounds.whole(value, field.name, most=LONGEST_CALL, error=InvalidRequestError)  # type: ignore[arg-type]


def optional(cls: type) -> "Validator":
    """Allow instances of one class."""

    def validate(_: object, field: Field, value: object) -> None:
        if value is not None and not isinstance(value, cls):
            refuse(field.name, f"a {cls.__name__}")

    return validate


def count(_: object, field: Field, value: object) -> None:
    """Allow a whole number that is not negative."""
    if value is not None:
        _bounds.whole(value, field.name, error=InvalidRequestError)  # type: ignore[arg-type]


def flag(_: object, field: Field, value: object) -> None:
    """Allow True and False."""
    if value is not None:
        _bounds.flag(value, field.name, error=InvalidRequestError)  # type: ignore[arg-type]


def callback_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers that the platform forwards to your callback URL, as bytes, in the order given.

    At most five; a name begins with ``X-CB-`` and has at most 32 characters; a value has at most 128 characters, 0x20
    to 0x7e. The platform drops headers beyond the fifth without an error, so more are refused here; and so is a name in
    two casings, which is one header to HTTP.

    Source: Calling API, HTTP headers in callout requests.
    """
    given: object = headers
    if not isinstance(given, Mapping) or len(given) > MOST_CALLBACK_HEADERS:
        refuse("callback_headers", f"a mapping of at most {MOST_CALLBACK_HEADERS} headers")
    pairs = tuple(_callback_header(name, value) for name, value in given.items())
    if len({name.lower() for name, _ in pairs}) < len(pairs):
        refuse("callback_headers", "headers whose names differ in more than their casing")
    return pairs


def check_text_length(spoken: str | None, prompts: str | None, limit: int | None) -> None:
    """Refuse a ``text``, or a ``#tts[...]`` part of ``prompts``, of more than ``limit`` characters; ``None`` means no
    limit.

    The models do not check it: an account may have a higher limit than the platform's 600.

    Source: Calling API, Text-to-speech Callout.
    """
    if limit is None:
        return
    if spoken is not None and len(spoken) > limit:
        refuse("text", f"at most {limit} characters, and has {len(spoken)}")
    longest = max(map(len, _spoken_parts(prompts or "")), default=0)
    if longest > limit:
        refuse("prompts", f"parts of which each #tts[...] has at most {limit} characters, and one has {longest}")


def _spoken_parts(prompts: str) -> Iterator[str]:
    """Yield the text of each ``#tts[...]``, which ends at a ``]`` before a ``;`` or at the end; in linear time."""
    end = 0
    while (start := prompts.find(_SPOKEN, end)) >= 0:
        start += len(_SPOKEN)
        end = prompts.find("];", start)
        if end < 0:
            end = len(prompts) - 1
            if end < start or prompts[end] != "]":
                return
        yield prompts[start:end]


def _callback_header(name: object, value: object) -> tuple[bytes, bytes]:
    if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
        refuse("callback_headers", "headers whose names begin with X-CB- and have at most 32 characters of a token")
    if not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
        refuse("callback_headers", f"headers whose values have at most 128 printable ASCII characters; {name} has not")
    return name.encode(), value.encode()
