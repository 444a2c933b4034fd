"""Names of the vendor's SDKs, which a migrating program still uses, and what the error says."""

import importlib

import pytest

import sinch_voice_async
from sinch_voice_async import VoiceClient, svaml, webhooks
from sinch_voice_async._former_names import FORMER_NAMES

OWNERS: dict[str, object] = {
    "VoiceClient": VoiceClient("key", "c2VjcmV0"),
    **{name: getattr(VoiceClient("key", "c2VjcmV0"), name.lower()) for name in FORMER_NAMES if name.istitle()},
    **{name: importlib.import_module(name) for name in FORMER_NAMES if name.startswith("sinch_voice_async")},
}


def refused(owner: object, name: str) -> str:
    """Return what the error says."""
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert caught.value.name == name
    return str(caught.value)


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in FORMER_NAMES.items() for name in names])
def test_a_former_name_has_a_hint(owner: str, name: str) -> None:
    """The error names what replaces it; none of the former names is in use for something else."""
    assert refused(OWNERS[owner], name).endswith(FORMER_NAMES[owner][name])


@pytest.mark.parametrize(
    ("owner", "name", "hint"),
    [
        (OWNERS["Conferences"], "kickParticipant", "use conferences.kick(conference_id, call_id), in this order"),
        (OWNERS["Conferences"], "kickAll", "use kick_all"),
        (OWNERS["Calls"], "manageWithCallLeg", "use calls.update_leg(call_id, leg, svaml)"),
        (OWNERS["Callbacks"], "getCallbackURLs", "use callbacks.get()"),
        (OWNERS["Numbers"], "unAssignNumber", "use numbers.unassign(number)"),
        (svaml, "HangupAction", "use Hangup"),
        (svaml, "SayInstruction", "use Say"),
        (svaml, "SvamlActionConnectPstn", "use ConnectPstn"),
        (svaml, "ConnectConfAction", "use ConnectConference"),
        (webhooks, "AnsweredCallEvent", "use AnsweredCall"),
        (webhooks, "parseEvent", "use webhooks.event_from_http"),
        (sinch_voice_async, "SinchClient", "use VoiceClient"),
    ],
)
def test_other_spellings(owner: object, name: str, hint: str) -> None:
    """camelCase of Node and Java, and the suffixes of the classes."""
    assert f": {hint}" in refused(owner, name)


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_another_name_has_none(owner: object) -> None:
    """Then the error is the usual one, and tools that ask for odd names get it too."""
    for name in ("nonsense", "__nonsense__", "Event_", ""):
        assert refused(owner, name).endswith(f"has no attribute {name!r}")
    assert not hasattr(owner, "_repr_html_")
