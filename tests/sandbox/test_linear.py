"""What arrives is read in time that grows with its length and no faster: a sandbox is one event loop for everyone."""

import json
import time
from collections.abc import Callable

import pytest

from sinch_voice_async.sandbox.account import look_up
from sinch_voice_async.sandbox.authentication import MOST_OF_A_NUMBER
from sinch_voice_async.sandbox.exchange.documents import check_svaml, parts, read_callout, without_markup
from sinch_voice_async.sandbox.requests import Fields, RefusalError
from sinch_voice_async.sandbox.routes import requested_span

SHAPES = {
    "a part that does not end": "#tts[",
    "parts that end in spaces": "#ssml[a]   ",
    "brackets": "]",
    "semicolons": ";",
    "tags that do not end": "<",
    "tags": "<a>",
    "a part in a part": "#ssml[<<<<;",
    "digits": "9",
    "a number in a path": "/number/",
    "spaces": " ",
}


def _callout(text: str) -> None:
    tts = {"destination": {"type": "number", "endpoint": "+46700000001"}, "prompts": text, "dtmf": text, "custom": text}
    read_callout(Fields({"method": "ttsCallout", "ttsCallout": tts}), max_text_length=10**9)


def _menus(text: str) -> None:
    options = [{"dtmf": f"{index}", "action": "menu(sub)"} for index in range(len(text) // 40)]
    names = [{"id": f"{index}"} for index in range(len(text) // 40)]
    menus = [{"id": "main", "options": options}, *names, {"id": "sub"}]
    check_svaml(Fields({"action": {"name": "runMenu", "menus": menus}}), "ice")


def _say(text: str) -> None:
    play = {"name": "playFiles", "ids": [text]}
    check_svaml(Fields({"instructions": [play, {"name": "say", "text": text}], "action": {"name": "hangup"}}), "ice")


READERS: dict[str, Callable[[str], object]] = {
    "the parts of a prompt": lambda text: list(parts(text)),
    "a text without markup": without_markup,
    "a callout": _callout,
    "menus": _menus,
    "instructions": _say,
    "a number": look_up,
    "a range": lambda text: requested_span({"range": f"bytes={text}"}, size=1, validators=("", "")),
    "a path in the log": lambda text: MOST_OF_A_NUMBER.sub("***", f"/number/{text}"),
}


def seconds(reader: Callable[[str], object], text: str) -> float:
    """Return how much processor time a reader needs, whatever it says."""
    started = time.process_time()
    try:
        reader(text)
    except RefusalError as refusal:
        json.dumps(refusal.message)
    return time.process_time() - started


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_time_grows_with_the_length(reader: Callable[[str], object], shape: str) -> None:
    """From a kilobyte to a megabyte; a quadratic reader would need minutes for the last."""
    for size in (1_000, 30_000):
        seconds(reader, (shape * size)[:size])
    assert seconds(reader, (shape * 1_000_000)[:1_000_000]) < 3.0


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", []),
        ("welcome", [("", "welcome")]),
        ("#tts[one; two];welcome", [("tts", "one; two"), ("", "welcome")]),
        ("#tts[one];#href[https://example.com/a.wav]  ", [("tts", "one"), ("href", "https://example.com/a.wav")]),
        ("#ssml[<b>a]b</b>];;  ;last ", [("ssml", "<b>a]b</b>"), ("", "last")]),
        ("#tts[never closed;file;#tts[nor this", [("", "#tts[never closed"), ("", "file"), ("", "#tts[nor this")]),
        ("#tts[]", []),
        ("#tts[  ];x", [("", "x")]),
    ],
)
def test_the_parts_of_a_prompt(prompt: str, expected: list[tuple[str, str]]) -> None:
    """Joined by semicolons, which a text may hold as well; empty ones are left out."""
    assert list(parts(prompt)) == expected


@pytest.mark.parametrize(("text", "bare"), [("a <b>c</b> d", "a c d"), ("a < b", "a < b"), ("<a><", "<"), ("", "")])
def test_a_text_without_its_markup(text: str, bare: str) -> None:
    """What is not closed is text."""
    assert without_markup(text) == bare


@pytest.mark.parametrize(
    "step",
    [
        {"instructions": [{"name": "answer"}] * 1_001},
        {"instructions": [{"name": "playFiles", "ids": ["a;" * 1_000]}]},
        {"action": {"name": "park", "holdPrompt": "a;" * 1_000}},
        {"action": {"name": "runMenu", "menus": [{"id": "main", "mainPrompt": "a;" * 1_000}]}},
        {"action": {"name": "connectMxp", "callHeaders": [{"key": "k", "value": "v" * 1_024}]}},
    ],
)
def test_a_document_has_bounds(step: dict[str, object]) -> None:
    """Each step is remembered in a call's timeline."""
    with pytest.raises(RefusalError, match="must not"):
        check_svaml(Fields(step), "ice")
