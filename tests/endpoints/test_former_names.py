"""Programs that come from ``sinch`` 1.x are told what replaces a name."""

import pytest

from sinch_voice_async import VoiceClient
from sinch_voice_async._endpoints.endpoint import FORMER_NAMES

CLIENT = VoiceClient("key", "c2VjcmV0")
OWNERS = {type(each).__name__: each for each in (CLIENT, *vars(CLIENT).values())}


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in FORMER_NAMES.items() for name in names])
def test_a_former_name_has_a_hint(owner: str, name: str) -> None:
    """The error is an ordinary AttributeError, which ends with the hint."""
    with pytest.raises(AttributeError, match=f"{owner!r} object has no attribute {name!r}: ") as caught:
        getattr(OWNERS[owner], name)
    assert str(caught.value).endswith(FORMER_NAMES[owner][name])
    assert not hasattr(OWNERS[owner], name)


def test_another_name_has_none() -> None:
    """A name that never was is an error without a hint."""
    with pytest.raises(AttributeError, match=r"^'Calls' object has no attribute 'telephone'$"):
        CLIENT.calls.telephone  # type: ignore[attr-defined]  # noqa: B018 - that it is not there is the point


def test_the_hints_name_what_exists() -> None:
    """Each method that a hint names is there."""
    for name in ("tts", "conference"):
        assert hasattr(CLIENT.callouts, name)
    for name in ("kick", "mute", "unmute", "hold", "resume"):
        assert hasattr(CLIENT.conferences, name)
    for name in ("list", "assign", "unassign", "query"):
        assert hasattr(CLIENT.numbers, name)
