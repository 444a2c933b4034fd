"""Plain values as JSON text and back: compact, exact, and the same without json's encoder in C."""

import math
from collections.abc import Callable
from decimal import Decimal

import pytest

from sinch_voice_async._wire import json_text

IN_PYTHON = "in Python"


@pytest.fixture(params=["in C", IN_PYTHON])
def to_text(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], str]:
    """Return what CPython writes with, and what an interpreter does whose json has no encoder in C."""
    if request.param == IN_PYTHON:
        monkeypatch.setattr(json_text.encoder, "c_make_encoder", None)
    return json_text.prepared_encoder()


def test_text_is_compact_and_unescaped(to_text: Callable[[object], str]) -> None:
    """No space, no escapes that JSON does not ask for, keys in the order given."""
    value = {"b": [1, True, None, 'å\n"\\/'], "a": {}, "1": 0.5}
    assert json_text.numbers_restored(to_text(value)) == '{"b":[1,true,null,"å\\n\\"\\\\/"],"a":{},"1":0.5}'


def test_money_is_written_as_it_is(to_text: Callable[[object], str]) -> None:
    """A Decimal is a number with all its digits."""
    assert json_text.numbers_restored(to_text([Decimal("0.1850"), Decimal("1E+400")])) == "[0.1850,1E+400]"


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN"), object(), {1, 2}, {("a",): 1}])
def test_what_json_cannot_say_is_refused(to_text: Callable[[object], str], value: object) -> None:
    """Neither NaN nor an object becomes something that the platform would have to guess at."""
    with pytest.raises((TypeError, ValueError)):
        to_text({"value": value})


def test_a_cycle_ends(to_text: Callable[[object], str]) -> None:
    """A list in itself is refused, rather than written until the memory ends."""
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises((RecursionError, ValueError)):
        to_text(cycle)


@pytest.mark.parametrize("text", ['{"a":1.50}', ' {"a":1.50}', '{"a":1.50}\r\n', '\t{"a" : 1.50}\n'])
def test_white_space_around_a_document_is_nothing(text: str) -> None:
    """It is read the same with and without, and exactly."""
    assert repr(json_text.FROM_TEXT(text)) == "{'a': Decimal('1.50')}"


@pytest.mark.parametrize("text", ["", " ", "{", "{} {}", "{}x", "[1]]", '{"a":NaN}', '{"a":1}\x00'])
def test_what_is_not_one_document_is_refused(text: str) -> None:
    """Neither half a document nor more than one is read."""
    with pytest.raises(ValueError, match=r"Expect|Extra|JSON"):
        json_text.FROM_TEXT(text)
