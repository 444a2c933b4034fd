"""What holds for every model and for every body."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async._wire.registry import models as registered
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.errors import DecodeError
from sinch_voice_async.models.recordings import Recording
from tests.wire.model_strategies import JSON, MODELS, models

TYPES = st.sampled_from([*MODELS, list[Recording]])


@pytest.mark.parametrize("cls", MODELS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(cls: type, data: st.DataObject) -> None:
    """decode(encode(model)) is the model, with its unknown fields; equal models hash alike."""
    model = data.draw(models(cls))
    again: object = decode(encode(model), cls)
    assert again == model
    assert hash(again) == hash(model)


@settings(max_examples=100, deadline=None)
@given(body=st.binary() | JSON.map(json.dumps).map(str.encode), type_=TYPES)
def test_no_body_does_more_than_decode_error(body: bytes, type_: type) -> None:
    """Any bytes and any JSON: the model, or the one error."""
    _decode_or_refuse(body, type_)


@pytest.mark.parametrize("cls", MODELS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_damage_does_more_than_decode_error(cls: type, data: st.DataObject) -> None:
    """A good document with one part replaced by any other JSON: the model, or the one error."""
    document = json.loads(encode(data.draw(models(cls))), parse_float=str)
    damaged = _replaced(document, data, data.draw(JSON))
    _decode_or_refuse(json.dumps(damaged).encode(), cls)


def _decode_or_refuse(body: bytes, type_: type) -> None:
    try:
        decode(body, type_)
    except DecodeError as error:
        assert error.path.startswith("$")


def _replaced(document: Any, data: st.DataObject, by: Any) -> Any:
    """Return a document of which one part, at any depth, is something else."""
    if not isinstance(document, dict | list) or not document or data.draw(st.booleans()):
        return by
    keys = sorted(document) if isinstance(document, dict) else range(len(document))
    key = data.draw(st.sampled_from(keys))
    copy = document.copy()
    copy[key] = _replaced(document[key], data, by)
    return copy


def test_every_rest_model_is_generated() -> None:
    """A model that is registered stands in the list, or inside one that does."""
    inside = {"ApplicationNumber", "CallbackUrls", "NumberInformation", "Participant", "Price"}
    rest = {cls.__name__ for cls in registered if cls.__module__.count(".") == 2 and "events" not in cls.__module__}
    assert rest == inside | {cls.__name__ for cls in MODELS}


@settings(max_examples=50, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(number: Decimal) -> None:
    """However many digits a number has, it goes through unknown fields and comes back equal."""
    body = f'[{{"key": "a", "headers": {{"n": {number}}}}}]'.encode()
    (recording,) = decode(body, list[Recording])
    (again,) = decode(b"[" + encode(recording) + b"]", list[Recording])
    assert Decimal(repr(again.headers["n"]) if isinstance(again.headers["n"], float) else again.headers["n"]) == number
