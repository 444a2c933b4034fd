"""The attempt id beside the text of the user."""

import pytest

from sinch_voice_async import ConferenceCallout, CustomCallout, InvalidRequestError, TtsCallout
from sinch_voice_async.dialer import attempt_id_of, own_custom
from sinch_voice_async.dialer.attempt import new_attempt_id, with_attempt_id

TOKEN = "0123456789abcdef" * 2
ANN = "+46700000001"


@pytest.mark.parametrize("own", [None, "order 17", '{"order": 17}', "[intent:none]", "ends with space "])
def test_your_custom_survives(own: str | None) -> None:
    """The id comes back, and what you had put there too."""
    custom = with_attempt_id(TtsCallout(destination=ANN, text="x", custom=own), TOKEN).custom
    assert attempt_id_of(custom) == TOKEN
    assert own_custom(custom) == own


def test_what_has_no_intent() -> None:
    """Events of other callouts are left as they are."""
    assert (attempt_id_of(None), attempt_id_of("order 17")) == (None, None)
    assert (own_custom(None), own_custom("order 17")) == (None, "order 17")


def test_the_end_of_a_call_is_asked_for() -> None:
    """``enable_dice`` is on, unless you have said otherwise; custom callouts have a way of their own."""
    assert with_attempt_id(TtsCallout(destination=ANN, text="x"), TOKEN).enable_dice is True
    assert with_attempt_id(ConferenceCallout(destination=ANN, conference_id="c"), TOKEN).enable_dice is True
    assert with_attempt_id(TtsCallout(destination=ANN, text="x", enable_dice=False), TOKEN).enable_dice is False
    custom = with_attempt_id(CustomCallout(destination=ANN), TOKEN)
    assert (custom.enable_dice, attempt_id_of(custom.custom)) == (None, TOKEN)


def test_whatever_you_place_is_left_alone() -> None:
    """A callout of your own kind goes with the header only."""
    yours = {"destination": ANN}
    assert with_attempt_id(yours, TOKEN) is yours


def test_a_custom_without_room_is_refused() -> None:
    """By its name, before anything is claimed."""
    full = TtsCallout(destination=ANN, text="x", custom="x" * 1000)
    with pytest.raises(InvalidRequestError, match="42 of its 1,024 bytes") as caught:
        with_attempt_id(full, TOKEN)
    assert caught.value.field == "custom"
    assert with_attempt_id(TtsCallout(destination=ANN, text="x", custom="x" * 982), TOKEN).custom is not None


def test_ids_are_new() -> None:
    """No two attempts share one."""
    assert len({new_attempt_id() for _ in range(1000)}) == 1000
