"""What a program hands to the sandbox is checked when it is handed in, and every entry point agrees."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sinch_voice_async.sandbox import Clock, Fault, Faults, Person, Population, Sandbox, StreamRules
from sinch_voice_async.sandbox import bounds as rules

NO_NUMBERS: tuple[Any, ...] = (True, "1", math.nan, math.inf, -math.inf, -1, 10**400, [], {})
NO_WHOLE_NUMBERS: tuple[Any, ...] = (*NO_NUMBERS, 1.5, 1.0)
NO_TEXTS: tuple[Any, ...] = (7, b"key", "half of a pair: \ud800", "x" * 10_000)


def _speed_of_a_clock(value: Any) -> None:
    Clock().speed = value


def _offset_of_a_clock(value: Any) -> None:
    Clock().offset = value if value != -1 else -math.inf


def _limit(value: Any) -> None:
    Faults().calls_per_second = value


def _phone(method: str, name: str) -> Callable[[Any], object]:
    return lambda value: getattr(Sandbox().phone("+46700000001"), method)(**{name: value})


def _call(value: Any) -> None:
    sandbox = Sandbox()
    recording = sandbox.add_recording(seconds=0.1)
    recording.stall(0, seconds=value)


SECONDS: dict[str, Callable[[Any], object]] = {
    "Sandbox(speed=)": lambda value: Sandbox(speed=value),
    "Sandbox(callback_timeout=)": lambda value: Sandbox(callback_timeout=value),
    "Sandbox(calls_per_second=)": lambda value: Sandbox(calls_per_second=value),
    "Clock(speed)": Clock,
    "Clock.speed": _speed_of_a_clock,
    "Clock.offset": _offset_of_a_clock,
    "Clock.step": lambda value: Clock().step(value),
    "Faults.calls_per_second": _limit,
    "Fault(latency=)": lambda value: Fault(latency=value),
    "Fault(share=)": lambda value: Fault(share=value),
    "Faults.add(retry_after=)": lambda value: Faults().add(retry_after=value if value != "1" else "\n"),
    "Person(answers_after=)": lambda value: Person(answers_after=value),
    "Person(hangs_up_after=)": lambda value: Person(hangs_up_after=value),
    "Person(beeps_after=)": lambda value: Person(beeps_after=value),
    "Population(busy=)": lambda value: Population(busy=value),
    "Population(rings_for=)": lambda value: Population(rings_for=(0.0, value)),
    "Population(talks_for=)": lambda value: Population(talks_for=(value, 1e9)),
    "Phone.answers": _phone("answers", "after"),
    "Phone.hangs_up": _phone("hangs_up", "after"),
    "Phone.is_machine": _phone("is_machine", "beeps_after"),
    "add_recording(seconds=)": lambda value: Sandbox().add_recording(seconds=value),
    "Recording.stall(seconds=)": _call,
}
WHOLE: dict[str, Callable[[Any], object]] = {
    "Sandbox(history=)": lambda value: Sandbox(history=value),
    "Sandbox(max_text_length=)": lambda value: Sandbox(max_text_length=value),
    "Sandbox(max_page_size=)": lambda value: Sandbox(max_page_size=value),
    "Faults.add(times=)": lambda value: Faults().add(times=value),
    "Fault(status=)": lambda value: Fault(status=value),
    "Fault(code=)": lambda value: Fault(code=value),
    "Fault(cut_at=)": lambda value: Fault(cut_at=value),
    "Recording.cut": lambda value: Sandbox().add_recording(seconds=0.1).cut(value),
    "Recording.corrupt": lambda value: Sandbox().add_recording(seconds=0.1).corrupt(value),
    "serve(port=)": lambda value: Sandbox().serve(port=value),
}
TEXTS: dict[str, Callable[[Any], object]] = {
    "Sandbox(application_key)": Sandbox,
    "Sandbox(application_secret)": lambda value: Sandbox("key", value),
    "Sandbox(callback_url=)": lambda value: Sandbox(callback_url=value),
    "Fault(method=)": lambda value: Fault(method=value),
    "Fault(route=)": lambda value: Fault(route=value),
    "Fault(drop=)": lambda value: Fault(drop=value),
    "Person(refuses=)": lambda value: Person(refuses=value),
    "Person(keys=)": lambda value: Person(keys=(value,)),
    "serve(host=)": lambda value: Sandbox().serve(host=value),
}
OTHERS: dict[str, tuple[Callable[[Any], object], Any]] = {
    "Sandbox(show_caller=)": (lambda value: Sandbox(show_caller=value), 1),
    "Sandbox(person=)": (lambda value: Sandbox(person=value), 5),
    "Sandbox(streams=)": (lambda value: Sandbox(streams=value), 5),
    "Sandbox(state=) of a number": (lambda value: Sandbox(state=value), 5),
    "Sandbox(state=) of bytes": (lambda value: Sandbox(state=value), b"sandbox"),
    "Sandbox(state=) without a name": (lambda value: Sandbox(state=value), ""),
    "Sandbox(state=) with a NUL": (lambda value: Sandbox(state=value), "a\0b"),
    "Sandbox(state=) with half of a pair": (lambda value: Sandbox(state=value), "\ud800"),
    "Sandbox(numbers=) of a word": (lambda value: Sandbox(numbers=value), ["x"]),
    "Sandbox(numbers=) without a plus": (lambda value: Sandbox(numbers=value), ["46700000001"]),
    "Sandbox(numbers=) of one text": (lambda value: Sandbox(numbers=value), "+46700000001"),
    "Sandbox(numbers=) of numbers": (lambda value: Sandbox(numbers=value), [46700000001]),
    "Sandbox(numbers=) of True": (lambda value: Sandbox(numbers=value), True),
    "Sandbox(allow_hosts=) of one text": (lambda value: Sandbox(allow_hosts=value), "sandbox"),
    "Sandbox(allow_hosts=) of bytes": (lambda value: Sandbox(allow_hosts=value), b"sandbox"),
    "Sandbox(allow_hosts=) of an empty text": (lambda value: Sandbox(allow_hosts=value), [""]),
    "Sandbox(allow_hosts=) of numbers": (lambda value: Sandbox(allow_hosts=value), [5]),
    "StreamRules(stall=)": (lambda value: StreamRules(stall=value), True),
    "StreamRules(stall=) of one": (lambda value: StreamRules(stall=value), (1.0,)),
    "Person(keys=)": (lambda value: Person(keys=value), True),
    "Person(says=)": (lambda value: Person(says=value), 5),
    "Person(is_machine=)": (lambda value: Person(is_machine=value), "yes"),
    "Population(seed=)": (lambda value: Population(seed=value), True),
    "Population(rings_for=) of three": (lambda value: Population(rings_for=value), (1.0, 2.0, 3.0)),
    "Faults(seed)": (Faults, 1.5),
    "Fault(body=)": (lambda value: Fault(body=value), "text"),
    "Phone.presses": (lambda value: Sandbox().phone("1").presses(value), ""),
    "add_recording(created_on=)": (
        lambda value: Sandbox().add_recording(created_on=value),
        datetime(9999, 12, 31, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("entry", SECONDS)
def test_a_number_of_seconds_has_one_meaning(entry: str, value: Any) -> None:
    """True, texts, NaN, infinity, negative and absurd numbers are refused everywhere, with ValueError."""
    with pytest.raises(ValueError, match=r"must be|add up|at most"):
        SECONDS[entry](value)


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("entry", WHOLE)
def test_a_whole_number_has_one_meaning(entry: str, value: Any) -> None:
    """The same for whole numbers, of which a float is none."""
    with pytest.raises(ValueError, match=r"must be"):
        WHOLE[entry](value)


@pytest.mark.parametrize("value", NO_TEXTS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("entry", TEXTS)
def test_a_text_has_one_meaning(entry: str, value: Any) -> None:
    """Bytes, numbers, halves of surrogate pairs, and texts without end are refused."""
    with pytest.raises(ValueError, match=r"must be|is not base64"):
        TEXTS[entry](value)


@pytest.mark.parametrize("entry", OTHERS)
def test_everything_else_is_refused_as_well(entry: str) -> None:
    """With one class of error, which names the argument."""
    make, value = OTHERS[entry]
    with pytest.raises(ValueError, match=r"must be"):
        make(value)


def test_there_are_at_most_a_thousand_faults() -> None:
    """One more is refused until some were used up."""
    faults = Faults()
    for _ in range(1_000):
        faults.add("GET", times=1)
    with pytest.raises(ValueError, match="at most 1000 faults"):
        faults.add()
    assert faults.draw("GET", "/") is not None
    faults.add()


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "http://[", "http://a:99999", "http://a b/", "http://a/\n"])
def test_urls_of_the_application(url: str) -> None:
    """An http or https URL with a host; line breaks and spaces are not part of one."""
    with pytest.raises(ValueError, match="url must be an http or https URL with a host"):
        rules.web_url("url", url)


def test_a_date_stops_at_the_end_of_the_calendar() -> None:
    """Exchange time may be stepped beyond every date."""
    clock = Clock(speed=0)
    for _ in range(400):
        clock.step(1e9)
    assert clock.date(clock.now()).year == 9999
