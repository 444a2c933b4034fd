"""One-time tokens: what is signed, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.credentials import Credentials
from sinch_voice_async.streams.app import make_token, read_token

OWN = Credentials("key", "c2VjcmV0")
OLD = Credentials("key", "b2xk")


@given(call_id=st.text(max_size=40).filter(lambda text: text.isprintable()), expiry=st.integers(0, 10**10))
def test_a_token_says_what_was_signed(call_id: str, expiry: int) -> None:
    """For any id of a call."""
    token = read_token(make_token(OWN, call_id, expiry), [OLD, OWN])
    assert token is not None
    assert (token.call_id, token.expires_at) == (call_id, expiry)
    assert token.token_id not in repr(token)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    """Whichever character is another one."""
    text = make_token(OWN, "call-1", 1_000)
    at = data.draw(st.integers(0, len(text) - 1))
    # The last character of base64 holds bits that mean nothing, and is compared all the same.
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != text[at]))
    assert read_token(text[:at] + other + text[at + 1 :], [OWN]) is None


@pytest.mark.parametrize("text", ["", ".", "a.b.c.d", "é" * 50, "x" * 2_000, "...."])
def test_what_is_not_ours_is_refused(text: str) -> None:
    """Without an exception; nor is what another secret has signed."""
    assert read_token(text, [OWN]) is None
    assert read_token(make_token(OLD, text, 1), [OWN]) is None


@given(st.text(max_size=100))
def test_no_text_raises(text: str) -> None:
    """Whatever a caller writes there."""
    assert read_token(text, [OWN]) is None


def test_tokens_differ() -> None:
    """Two for the same call in the same second are two."""
    assert make_token(OWN, "1", 1) != make_token(OWN, "1", 1)
