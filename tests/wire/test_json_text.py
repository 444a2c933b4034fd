"""Plain values as JSON text and back: compact and exact."""

import json
import math
from decimal import Decimal

import pytest

from sinch_voice_async._wire import json as json_text


def test_text_is_compact_and_unescaped() -> None:
    """No space, no escapes that JSON does not ask for, keys in the order given."""
    value = {"b": [1, True, None, 'å\n"\\/'], "a": {}, "1": 0.5}
    assert json_text.numbers_restored(json_text.TO_TEXT(value)) == '{"b":[1,true,null,"å\\n\\"\\\\/"],"a":{},"1":0.5}'


def test_money_is_written_as_it_is() -> None:
    """A Decimal is a number with all its digits."""
    assert json_text.numbers_restored(json_text.TO_TEXT([Decimal("0.1850"), Decimal("1E+400")])) == "[0.1850,1E+400]"


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN"), object(), {1, 2}, {("a",): 1}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    """Neither NaN nor an object becomes something that the platform would have to guess at."""
    with pytest.raises((TypeError, ValueError)):
        json_text.TO_TEXT({"value": value})


def test_a_cycle_ends() -> None:
    """A list in itself is refused, rather than written until the memory ends."""
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises((RecursionError, ValueError)):
        json_text.TO_TEXT(cycle)


@pytest.mark.parametrize("text", ['{"a":1.50}', ' {"a":1.50}', '{"a":1.50}\r\n', '\t{"a" : 1.50}\n'])
def test_white_space_around_a_document_is_nothing(text: str) -> None:
    """It is read the same with and without, and exactly."""
    assert repr(json_text.FROM_TEXT(text)) == "{'a': Decimal('1.50')}"


@pytest.mark.parametrize("text", ["", " ", "{", "{} {}", "{}x", "[1]]", '{"a":NaN}', '{"a":1}\x00'])
def test_what_is_not_one_document_is_refused(text: str) -> None:
    """Neither half a document nor more than one is read."""
    with pytest.raises(ValueError, match=r"Expect|Extra|JSON"):
        json_text.FROM_TEXT(text)


@pytest.mark.parametrize(
    "value",
    [None, True, 7, 0.5, 'a " \\ \n \u2028 ä', [], {}, [1, [2, {"a": []}]], {"b": {"c": Decimal("1.50")}, "1": "x"}],
    ids=repr,
)
def test_a_python_without_the_c_encoder_writes_the_same(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder in Python gives the same text, and refuses the same values."""
    fast = json_text.writer(json_text.marked)
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    slow = json_text.writer(json_text.marked)
    assert json_text.numbers_restored(slow(value)) == json_text.numbers_restored(fast(value))
    for write in (fast, slow):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write([value, float("nan")])
        with pytest.raises(TypeError, match="cannot hold a set"):
            write([value, set()])
