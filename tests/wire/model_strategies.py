"""Hypothesis strategies for every REST model, made from the fields' own types."""

import sys
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from sinch_voice_async.models.callouts import CalloutReceipt, ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import Call, Conference, ConferenceCommand, ConferenceDtmfOptions
from sinch_voice_async.models.configuration import (
    ApplicationNumbers,
    AssignNumbers,
    CallbackConfiguration,
    NumberQuery,
    UnassignNumber,
)
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.recordings import Recording

MODELS: list[type] = [
    ApplicationNumbers,
    AssignNumbers,
    Call,
    CallbackConfiguration,
    CalloutReceipt,
    Conference,
    ConferenceCallout,
    ConferenceCommand,
    ConferenceDtmfOptions,
    CustomCallout,
    Destination,
    NumberQuery,
    Recording,
    TtsCallout,
    UnassignNumber,
]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LABEL = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
# A 0 behind the country code would be a trunk zero, which requests refuse.
NUMBER = st.from_regex(r"\A\+?(1|7|33|44|46|49|210)[1-9][0-9]{4,11}\Z")
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
# A field that nobody documents begins with x-, so that it is never a known one in another casing.
UNKNOWN = st.dictionaries(TEXT.map("x-{}".format), JSON, max_size=2)
ENDPOINT = (
    st.builds(Destination.number, NUMBER) | st.builds(Destination.username, LABEL) | st.builds(Destination.sip, LABEL)
)
URL = TEXT.map("https://example.com/{}".format)

_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "cli": st.none() | LABEL,
    "conference_id": LABEL,
    **dict.fromkeys(("text", "prompts"), st.none() | LABEL),
    "dtmf": st.none() | st.text("0123456789#w", max_size=10),
    "max_duration": st.none() | st.integers(0, 14_400),
    "max_digits": st.none() | st.integers(min_value=0, max_value=sys.maxsize),
    "timeout_mills": st.none() | st.integers(min_value=0, max_value=sys.maxsize),
    "application_key": st.none() | LABEL,
    "capability": st.none() | st.sampled_from(["voice", "sms"]) | LABEL.map("x-{}".format),
    "extra": UNKNOWN,
    **dict.fromkeys(("ice", "ace", "pie", "dice"), st.none() | URL),
}
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Mapping[str, Any]: st.dictionaries(TEXT, JSON, max_size=3),
    types.NoneType: st.none(),
}


def models(cls: type) -> st.SearchStrategy[Any]:
    """Models of one class, as a user or the platform could have made them."""
    return st.builds(cls, **{field.alias: _values(cls, field) for field in attrs.fields(attrs.resolve_types(cls))})


def _values(cls: type, field: "attrs.Attribute[Any]") -> st.SearchStrategy[Any]:
    if field.name == "destination":
        return ENDPOINT if field.default is attrs.NOTHING else st.none() | ENDPOINT
    if cls in (AssignNumbers, UnassignNumber) and field.name.startswith("number"):
        return NUMBER if field.name == "number" else st.lists(NUMBER, min_size=1, max_size=3)
    return _BY_NAME[field.name] if field.name in _BY_NAME else _of_type(field.type)


def _of_type(type_: Any) -> st.SearchStrategy[Any]:
    options = get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)
    known = [value for option in options if get_origin(option) is Literal for value in get_args(option)]
    if known:
        unknown = TEXT.map("x-{}".format)
        return st.sampled_from(known) | unknown | (st.none() if types.NoneType in options else st.nothing())
    return st.one_of([_of_option(option) for option in options])


def _of_option(option: Any) -> st.SearchStrategy[Any]:
    if attrs.has(option):
        return models(option)
    if get_origin(option) is tuple:
        return st.lists(_of_type(get_args(option)[0]), max_size=3).map(tuple)
    return _BY_TYPE[option]
