"""File names: safe on every system, and one key's alone."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._files import safe_names

OWN = (".part", ".part.json", "manifest.jsonl")


def first(key: str) -> str:
    return next(safe_names(key, reserved=OWN))


@pytest.mark.parametrize("key", ["20260131120000_app_call.mp3", "a", "_", "a-b.c", "console.wav", "x" * 120])
def test_a_harmless_key_is_its_own_name(key: str) -> None:
    """Whoever looks for a recording finds it by its key."""
    assert first(key) == key


@pytest.mark.parametrize(
    ("key", "begins", "ends"),
    [
        ("../../etc/passwd", "_etc_passwd~", ""),
        ("C:\\windows\\x.wav", "C_windows_x~", ".wav"),
        ("CON", "CON~", ""),
        ("nul.wav", "nul~", ".wav"),
        (".hidden", "_~", ".hidden"),
        ("-rf.wav", "rf~", ".wav"),
        ("--help", "help~", ""),
        ("-", "_~", ""),
        ("call.wav.", "call_wav_~", ""),
        ("call.wav ", "call_wav_~", ""),
        ("x.part", "x_part~", ""),
        ("x.PART.json", "x_PART_json~", ""),
        ("manifest.jsonl", "manifest_jsonl~", ""),
        ("ü.mp3", "_~", ".mp3"),
        ("x" * 300 + ".mp3", "x" * 80 + "~", ".mp3"),
        ("\ud800", "_~", ""),
    ],
)
def test_any_other_key_is_cleaned_and_marked(key: str, begins: str, ends: str) -> None:
    """It stays recognisable, and keeps its extension; the mark is a digest of the whole key."""
    digest = first(key).removeprefix(begins).removesuffix(ends)
    assert first(key) == begins + digest + ends
    assert re.fullmatch("[0-9a-f]{16}", digest)


@given(st.text(min_size=1))
def test_no_key_reaches_another_place(key: str) -> None:
    """Every name is one plain component of a path, on every system."""
    for name in itertools.islice(safe_names(key, reserved=OWN), 4):
        assert re.fullmatch(r"[A-Za-z0-9_.~-]{1,160}", name)
        assert not name.startswith(".")
        assert not name.endswith((".", ".part", ".part.json"))


@given(st.lists(st.text(st.sampled_from("aA./\\:_"), min_size=1), min_size=2, max_size=2, unique=True))
def test_no_two_keys_have_one_name(keys: list[str]) -> None:
    """Cleaning never makes two keys the same."""
    one, other = keys
    assert first(one) != first(other)


def test_there_is_always_another_name() -> None:
    """Where something else has the name, there is a next one."""
    names = list(itertools.islice(safe_names("a.wav"), 10))
    assert names[0] == "a.wav"
    assert len(set(names)) == 10
