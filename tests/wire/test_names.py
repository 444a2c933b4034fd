"""snake_case -> camelCase."""

import pytest

from sinch_voice_async._wire.registry import camel_case


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("cli", "cli"),
        ("max_duration", "maxDuration"),
        ("enable_ace", "enableAce"),
        ("timeout_mills", "timeoutMills"),
        ("conference_dtmf_options", "conferenceDtmfOptions"),
    ],
)
def test_words_are_joined(name: str, wire: str) -> None:
    """Each word after the first begins with a capital."""
    assert camel_case(name) == wire


@pytest.mark.parametrize(("name", "wire"), [("from_", "from"), ("async_", "async")])
def test_python_keywords(name: str, wire: str) -> None:
    """The underscore that Python needs is not sent."""
    assert camel_case(name) == wire
