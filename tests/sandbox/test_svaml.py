"""Which SVAML is accepted where: the documents' table, read independently of the sandbox's own."""

from typing import Any

import pytest

from sinch_voice_async.sandbox.exchange.documents import check_svaml
from sinch_voice_async.sandbox.requests import Fields, RefusalError

SAMPLES: dict[str, dict[str, Any]] = {
    "playFiles": {"ids": ["#tts[Welcome]"], "locale": "en-US"},
    "say": {"text": "Hello"},
    "sendDtmf": {"value": "ww1234#w#"},
    "setCookie": {"key": "name", "value": "value"},
    "connectConf": {"conferenceId": "myConference", "moh": "ring"},
    "connectSip": {"destination": {"endpoint": "46708000000@sip.foo.com"}, "maxDuration": 3000},
    "connectStream": {"destination": {"type": "Websocket", "endpoint": "wss://example.com"}},
    "connectPstn": {"number": "+461234567890", "maxDuration": 3000, "dialTimeout": 10},
    "park": {"introPrompt": "#tts[Welcome]", "maxDuration": 180},
    "runMenu": {
        "menus": [
            {"id": "main", "options": [{"dtmf": 1, "action": "return(support)"}, {"dtmf": "2", "action": "menu(sub)"}]},
            {"id": "sub", "maxDigits": 4},
        ]
    },
}
# One row for each name: is it allowed in ICE, ACE, PIE, DiCE, and a managed call?
INSTRUCTIONS = {
    "playFiles": "yyy-y",
    "say": "yyy-y",
    "sendDtmf": "y-y-y",
    "setCookie": "yyy-y",
    "answer": "y---y",
    "startRecording": "yyy-y",
    "stopRecording": "yyy-y",
    "ReportCallStatus": "---y-",
}
ACTIONS = {
    "hangup": "yyyyy",
    "Continue": "-yy-y",
    "connectPSTN": "y-y-y",
    "connectMxp": "y---y",
    "connectConf": "yyy-y",
    "connectSip": "y-y-y",
    "connectStream": "y----",
    "runMenu": "yyy-y",
    "park": "y---y",
    "startRecording": "----y",
    "stopRecording": "----y",
}
EVENTS = ("ice", "ace", "pie", "dice", "call")


def step(name: str, **members: object) -> dict[str, object]:
    """Return an instruction or action with what it needs, changed as said."""
    canonical = {known.lower(): known for known in SAMPLES}.get(name.lower(), name)
    return {"name": name, **SAMPLES.get(canonical, {}), **members}


def accepted(document: dict[str, object], event: str) -> bool:
    """Whether the sandbox would act on this document there."""
    try:
        check_svaml(Fields(document), event)
    except RefusalError:
        return False
    return True


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_are_allowed_where_the_documents_say(name: str) -> None:
    """Each instruction in each of the five places."""
    document: dict[str, object] = {"instructions": [step(name)], "action": {"name": "hangup"}}
    assert "".join("y" if accepted(document, event) else "-" for event in EVENTS) == INSTRUCTIONS[name]


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_are_allowed_where_the_documents_say(name: str) -> None:
    """Each action in each of the five places."""
    assert "".join("y" if accepted({"action": step(name)}, event) else "-" for event in EVENTS) == ACTIONS[name]


@pytest.mark.parametrize("document", [{"instructions": []}, {"instructions": [], "action": {"name": "hangup"}}])
def test_half_a_document_will_do(document: dict[str, object]) -> None:
    """Instructions may be empty, and the action may be left out where there are instructions."""
    assert accepted(document, "ice")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "Missing parameter 'action'"),
        ({"action": "hangup"}, "'action': must be an object"),
        ({"action": {}}, "Missing parameter 'action.name'"),
        ({"action": {"name": "explode"}}, "'action.name': is not known"),
        ({"instructions": {}}, "'instructions': must be a list"),
        ({"instructions": ["say"]}, "'instructions[0]': must be an object"),
        ({"instructions": [step("say", text="")]}, "Missing parameter 'instructions[0].text'"),
        ({"instructions": [step("playFiles", ids=[])]}, "Missing parameter 'instructions[0].ids'"),
        ({"instructions": [step("playFiles", ids=[1])]}, "ids[0]': must be a string"),
        ({"instructions": [step("sendDtmf", value="*")]}, "may hold 0-9, # and w"),
        ({"instructions": [step("setCookie", key=None)]}, "Missing parameter 'instructions[0].key'"),
        ({"action": step("connectConf", conferenceId="x" * 65)}, "longer than 64 characters"),
        ({"action": step("connectSip", destination=None)}, "Missing parameter 'action.destination'"),
        ({"action": step("connectSip", maxDuration=14_401)}, "from 0 to 14400"),
        ({"action": step("connectPstn", maxDuration=14_401)}, "from 0 to 14400"),
        ({"action": step("connectPstn", dialTimeout=-1)}, "must be 0 or more"),
        ({"action": step("park", maxDuration=601)}, "from 0 to 600"),
        ({"action": step("runMenu", menus=[])}, "one menu must have the id main"),
        ({"action": step("runMenu", menus=[{"id": "main"}, {"id": "main"}])}, "two menus have the same id"),
        (
            {"action": step("runMenu", menus=[{"id": "main", "options": [{"dtmf": "1", "action": "menu(x)"}]}])},
            "menus[0].options[0].action': leads to no menu",
        ),
    ],
)
def test_wrong_documents_are_refused_by_name(document: dict[str, object], message: str) -> None:
    """The message says where the mistake is."""
    with pytest.raises(RefusalError) as caught:
        check_svaml(Fields(document), "ice")
    assert message in caught.value.message
