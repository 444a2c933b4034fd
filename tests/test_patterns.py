"""Every regular expression of the package takes a time that grows with the length of the text, not with its square."""

import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from re import _parser as sre  # type: ignore[attr-defined]  # the parser that `re` itself uses
from typing import Any

import pytest

import sinch_voice_async
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models import limits

KIB = 1024
SLOW = 0.4
"""Seconds of processor time: a linear pattern needs some milliseconds for 64 KiB, a quadratic one seconds."""


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(sinch_voice_async.__path__, "sinch_voice_async."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _patterns() -> dict[str, re.Pattern[Any]]:
    return {
        f"{module.__name__.removeprefix('sinch_voice_async.')}.{name}": value
        for module in _modules()
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


PATTERNS = _patterns()
SOURCES = "".join(path.read_text() for path in Path(sinch_voice_async.__file__).parent.rglob("*.py"))


def _uses(name: str) -> set[str]:
    """Return how a pattern is used, which makes a difference: ``fullmatch`` begins at one place, ``search`` at all."""
    found = set(re.findall(rf"\b{name}\.(fullmatch|match|search|findall|finditer|sub|split)\b", SOURCES))
    return {use if use in ("fullmatch", "match", "search") else "findall" for use in found} or {"findall"}


_MEMBERS = (sre.LITERAL, sre.RANGE)


def _pieces(parsed: Any) -> Iterator[str]:
    """Yield short texts that parts of a pattern match: runs of its literals, and one character of each set."""
    run = ""
    for kind, argument in parsed:
        if kind is sre.LITERAL:
            run += chr(argument)
            continue
        if run:
            yield run
        run = ""
        if kind is sre.IN:
            members = [(of, of) if what is sre.LITERAL else of for what, of in argument if what in _MEMBERS]
            yield from {chr(code) for code in (members or [(97, 98)])[0]}
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from _pieces(argument[2])
        elif kind is sre.SUBPATTERN:
            yield from _pieces(argument[3])
        elif kind is sre.BRANCH:
            yield from itertools.chain.from_iterable(map(_pieces, argument[1]))
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _pieces(argument[1])
    if run:
        yield run


def _seeds(pattern: re.Pattern[Any]) -> list[str]:
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    pieces = [*dict.fromkeys(_pieces(sre.parse(text, pattern.flags & ~re.UNICODE)))][:6]
    pairs = ["".join(pair) for pair in itertools.permutations(pieces, 2)][:12]
    return [*dict.fromkeys([*pieces, *pairs, "".join(pieces), "a", " ", "\t", "0", "\n"])]


def _cost(pattern: re.Pattern[Any], seed: str, size: int, uses: Collection[str]) -> float:
    text: Any = (seed * (size // len(seed) + 1))[:size]
    texts = [text + "\x00", text, "\x00" + text]
    if isinstance(pattern.pattern, bytes):
        texts = [each.encode("latin-1", "replace") for each in texts]
    costs = [SLOW]
    # A garbage collection may fall into one of the measurements.
    while len(costs) < 4 and min(costs) >= SLOW:
        began = time.process_time()
        for use, given in itertools.product(uses, texts):
            getattr(pattern, use)(given)
        costs.append(time.process_time() - began)
    return min(costs[1:])


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_linear_time(name: str) -> None:
    """From 1 KiB to 1 MiB, for texts that are made of what the pattern itself looks for."""
    pattern, uses = PATTERNS[name], _uses(name.rpartition(".")[2])
    costs = {}
    for seed in _seeds(pattern):
        for size in (KIB, 8 * KIB, 64 * KIB):
            costs[seed] = _cost(pattern, seed, size, uses)
            assert costs[seed] < SLOW, f"{seed!r} repeated to {size} characters takes {costs[seed]:.1f} s"
    worst = max(costs, key=lambda seed: costs[seed])
    assert _cost(pattern, worst, KIB * KIB, uses) < 16 * 4 * max(costs[worst], 0.01)


@pytest.mark.parametrize("seed", ["#tts[", "#tts[a];", "#tts[]", "];", "#tts[" + "]" * 9, "x", "#tts[a]\n"])
def test_long_prompts_are_measured_in_linear_time(seed: str) -> None:
    """A text from elsewhere does not hold up the event loop."""
    for size in (KIB, 64 * KIB, KIB * KIB):
        began = time.process_time()
        with suppress(InvalidRequestError):
            limits.check_text_length(None, (seed * size)[:size], 600)
        assert time.process_time() - began < 1


def test_the_patterns_are_found() -> None:
    """The table is not empty, and a quadratic pattern would be noticed."""
    assert len(PATTERNS) > 20
    assert _cost(re.compile(r"#tts\[(.*?)\](?=;|$)"), "#tts[", 16 * KIB, ["search"]) > SLOW
