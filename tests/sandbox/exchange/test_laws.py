"""Laws: whatever SVAML the platform accepts, a call lives through it and ends."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.exchange.documents import check_svaml
from sinch_voice_async.sandbox.requests import Fields, RefusalError
from tests.sandbox.exchange.scripts import place

SMALL = (
    st.none() | st.booleans() | st.integers(-1, 70) | st.sampled_from(["", "x", "1", "menu(main)", "return(a)", "#"])
)
MEMBERS = st.sampled_from(
    [
        "text",
        "ids",
        "value",
        "key",
        "locale",
        "number",
        "destination",
        "maxDuration",
        "dialTimeout",
        "conferenceId",
        "menus",
        "mainMenu",
        "barge",
        "amd",
        "dtmf",
        "record",
        "recordingOptions",
        "options",
        "introPrompt",
        "callHeaders",
        "conferenceDtmfOptions",
        "moh",
        "suppressCallbacks",
    ]
)
INSTRUCTIONS = ["playFiles", "say", "sendDtmf", "setCookie", "answer", "startRecording", "stopRecording"]
ACTIONS = ["hangup", "continue", "connectPstn", "connectMxp", "connectConf", "connectSip", "connectStream", "runMenu"]
OPTION = st.fixed_dictionaries({"dtmf": st.sampled_from([1, "2", "12"]), "action": SMALL})
MENU = st.fixed_dictionaries(
    {"id": st.sampled_from(["main", "sub"])},
    optional={
        "options": st.lists(OPTION, max_size=2),
        "repeats": SMALL,
        "maxDigits": SMALL,
        "timeoutMills": SMALL,
        "mainPrompt": SMALL,
    },
)
VALUES = st.one_of(
    SMALL,
    st.lists(SMALL | MENU, max_size=2),
    st.fixed_dictionaries({"endpoint": SMALL}),
    st.dictionaries(
        st.sampled_from(["enabled", "async", "mode", "maxDigits", "destinationUrl", "transcriptionOptions"]), SMALL
    ),
)


def steps(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return instructions or actions with members of all kinds."""
    return st.builds(
        lambda name, members: {**members, "name": name}, st.sampled_from(names), st.dictionaries(MEMBERS, VALUES)
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["ice", "ace", "call"]), st.lists(steps(INSTRUCTIONS), max_size=2), steps([*ACTIONS, "park"]))
def test_any_accepted_svaml_is_lived_through(
    event: str, instructions: list[dict[str, Any]], action: dict[str, Any]
) -> None:
    """No fault of the exchange, and no call without an end."""
    document = {"instructions": instructions, "action": action}
    try:
        check_svaml(Fields(document), event)
    except RefusalError:
        return
    sandbox = Sandbox(speed=0)
    sandbox.phone("+46700000001").presses("1", "2", "12")
    members: dict[str, Any] = {} if event == "call" else {event: document}
    call = place(sandbox, **members)
    if event == "call":
        assert call.is_answered
        with suppress(RefusalError):
            call.handle.manage(Fields(document), "caller")
    sandbox.clock.step(40_000)
    assert call.is_final
    assert call.reason != "GENERALERROR"
