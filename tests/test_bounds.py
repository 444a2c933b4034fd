"""Arguments are checked by one module, with one meaning and one form of message."""

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError, InvalidRequestError, _bounds

ABSURD = [math.nan, math.inf, -math.inf, 10**400, -(10**5000), 1e300]
NOT_NUMBERS = [True, False, "1", b"1", Decimal(1), 1j, [], object()]

CHECKS: list[tuple[Callable[..., Any], dict[str, Any], list[Any], list[Any]]] = [
    (_bounds.seconds, {}, [0, 0.5, 86_400, 1e10], [-1, -0.1, *ABSURD, *NOT_NUMBERS]),
    (_bounds.seconds, {"zero": False}, [0.001, 1], [0, 0.0, -1, *ABSURD, *NOT_NUMBERS]),
    (_bounds.seconds, {"most": 60}, [0, 60], [60.1, *ABSURD, *NOT_NUMBERS]),
    (_bounds.number, {}, [-1, 0, 10**400, 0.5], [math.nan, math.inf, *NOT_NUMBERS]),
    (_bounds.number, {"least": 0, "most": 1}, [0, 0.5, 1], [-0.1, 1.1, *ABSURD, *NOT_NUMBERS]),
    (_bounds.number, {"above": 0}, [0.1, 10**400], [0, -1, math.inf, *NOT_NUMBERS]),
    (_bounds.whole, {}, [0, 1, sys.maxsize], [-1, 1.0, 10**400, *ABSURD, *NOT_NUMBERS]),
    (_bounds.whole, {"least": 1, "most": 100}, [1, 100], [0, 101, 1.0, *ABSURD, *NOT_NUMBERS]),
    (_bounds.flag, {}, [True, False], [0, 1, "yes", object()]),
    (_bounds.text, {}, ["a", "Grüße"], ["", " ", "a\nb", "\x1b", b"a", 1]),
    (_bounds.path, {}, ["a", Path("a/b")], ["", "a\0b", "\ud800", b"a", 1, [], True]),
    (
        _bounds.url,
        {},
        ["http://a", "HTTPS://a.example/b?c"],
        ["", "a", "ftp://a", "http://", "http://a b", b"http://a"],
    ),
    (_bounds.moment, {}, [datetime(2026, 1, 1, tzinfo=UTC)], [datetime(2026, 1, 1), "2026-01-01", 0]),  # noqa: DTZ001
    (_bounds.function, {}, [print, int], [1, "print"]),
    (_bounds.instance, {"cls": Path}, [Path("a")], ["a", 1]),
    (_bounds.instance, {"cls": int}, [1], ["a", 1.5]),
    (_bounds.one_of, {"choices": (1, "a")}, [1, "a"], [True, 1.0, "b", []]),
]
OPTIONAL = [
    _bounds.seconds,
    _bounds.number,
    _bounds.whole,
    _bounds.flag,
    _bounds.text,
    _bounds.url,
    _bounds.moment,
    _bounds.function,
]


@pytest.mark.parametrize(("check", "options", "good", "bad"), CHECKS)
def test_a_kind_of_value_has_one_meaning(
    check: Callable[..., Any], options: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    """What is allowed is returned; anything else is refused with the name of the argument, for both kinds of error."""
    for value in good:
        assert check(value, "speed", **options) == value or check is _bounds.path
    for value in [*bad, None]:
        with pytest.raises(ConfigurationError, match=r"^speed must be ") as refused:
            check(value, "speed", **options)
        assert len(str(refused.value)) < 200
        with pytest.raises(InvalidRequestError) as request:
            check(value, "speed", error=InvalidRequestError, **options)
        assert request.value.field == "speed"
        assert str(request.value) == str(refused.value)


@pytest.mark.parametrize("check", OPTIONAL)
def test_none_passes_only_where_it_is_allowed(check: Callable[..., Any]) -> None:
    """With ``optional=True`` None passes, and the message of a refusal says so."""
    assert check(None, "speed", optional=True) is None
    with pytest.raises(ConfigurationError, match="or None"):
        check([], "speed", optional=True)


def test_an_instance_may_be_optional() -> None:
    """None passes for an instance too, if it is allowed."""
    assert _bounds.instance(None, "place", Path, optional=True) is None


@given(st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())))
def test_any_value_passes_or_is_refused_by_name(value: object) -> None:
    """No value makes a check raise anything but the one error, and the message shows no text that was given."""
    for check, options, _, _ in CHECKS:
        try:
            check(value, "speed", **options)
        except ConfigurationError as refused:
            assert str(refused).startswith("speed must be ")


def test_a_refusal_shows_no_text() -> None:
    """A value that is a text may be a secret: its type is shown, and nothing of it."""
    with pytest.raises(ConfigurationError) as refused:
        _bounds.seconds("canary-secret", "max_age")  # type: ignore[arg-type]
    assert str(refused.value) == "max_age must be a number of seconds, 0 or more, not a str"


def test_a_path_is_returned_as_a_path() -> None:
    """A text becomes a Path."""
    assert _bounds.path("a/b", "journal") == Path("a/b")


def test_an_attrs_class_checks_its_fields() -> None:
    """``checked`` makes a validator, which names the argument rather than the private attribute."""

    @frozen
    class Timer:
        _delay: float = field(validator=_bounds.checked(_bounds.seconds))

    assert Timer(1.5)
    with pytest.raises(ConfigurationError, match=r"^delay must be"):
        Timer(True)
