"""SVAML checked for every fault, and answers for the application."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.control.svaml import faults_of, menus_of, schema
from sinch_voice_async.sandbox.exchange.documents import check_svaml
from sinch_voice_async.sandbox.requests import Fields, RefusalError

from .conftest import Panel

HANGUP: dict[str, Any] = {"action": {"name": "hangup"}}
WRONG: list[tuple[object, str, str, str]] = [
    ([], "ice", "", "JSON object"),
    ({}, "ice", "action", "missing"),
    ({"instructions": {}, **HANGUP}, "ice", "instructions", "list"),
    ({"instructions": ["x"], **HANGUP}, "ice", "instructions[0]", "object"),
    ({"instructions": [{}], **HANGUP}, "ice", "instructions[0].name", "missing"),
    ({"instructions": [{"name": "sing"}], **HANGUP}, "ice", "instructions[0].name", "not known"),
    ({"instructions": [{"name": "say"}], **HANGUP}, "ice", "instructions[0].text", "missing"),
    ({"instructions": [{"name": "say", "text": 1}], **HANGUP}, "ice", "instructions[0].text", "text"),
    ({"instructions": [{"name": "playFiles", "ids": []}], **HANGUP}, "ice", "instructions[0].ids", "empty"),
    ({"instructions": [{"name": "sendDtmf", "value": "abc"}], **HANGUP}, "ice", "instructions[0].value", "0-9"),
    ({"action": {"name": "continue"}}, "ice", "action.name", "not allowed in ICE"),
    ({"action": {"name": "connectStream", "destination": {"endpoint": "wss://x"}}}, "call", "action.name", "managed"),
    ({"action": {"name": "connectConf", "conferenceId": "x" * 65}}, "ice", "action.conferenceId", "limit is 64"),
    ({"action": {"name": "park", "maxDuration": 601}}, "ice", "action.maxDuration", "from 0 to 600"),
    ({"action": {"name": "park", "maxDuration": True}}, "ice", "action.maxDuration", "whole number"),
    ({"action": {"name": "connectPstn", "dialTimeout": -1}}, "ice", "action.dialTimeout", "0 or more"),
    ({"action": {"name": "connectSip", "destination": []}}, "ice", "action.destination", "object"),
    ({"action": {"name": "runMenu", "menus": [{"id": "x"}]}}, "ice", "action.menus", "id main"),
    (
        {"action": {"name": "runMenu", "menus": [{"id": "main"}, {"id": "main"}]}},
        "ice",
        "action.menus[0].id",
        "two menus",
    ),
    (
        {"action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": 1, "action": "menu(a)"}]}]}},
        "ice",
        "action.menus[0].options[0].action",
        "no menu: a",
    ),
    (
        {"action": {"name": "connectConf", "conferenceId": "a", "conferenceDtmfOptions": {"mode": "sing"}}},
        "ice",
        "action.conferenceDtmfOptions.mode",
        "one of",
    ),
]


@pytest.mark.parametrize(("document", "event", "path", "words"), WRONG)
async def test_every_fault_has_its_path(panel: Panel, document: object, event: str, path: str, words: str) -> None:
    """And words that say what is right."""
    body = json.dumps(document) if not isinstance(document, dict) else document
    found = await panel.done("POST", "/svaml/check", {"svaml": body, "event": event})
    assert (found["faults"][0]["path"], found["faults"][0]["severity"]) == (path, "error")
    assert words in found["faults"][0]["message"]


async def test_a_document_may_have_many_faults_and_warnings(panel: Panel) -> None:
    """A member that the platform does not know does no harm."""
    document = {"instructions": [{"name": "say", "text": "x", "tone": "low"}, {"name": "say"}], "more": 1, **HANGUP}
    found = await panel.done("POST", "/svaml/check", {"svaml": document})
    assert [(each["path"], each["severity"]) for each in found["faults"]] == [
        ("more", "warning"),
        ("instructions[0].tone", "warning"),
        ("instructions[1].text", "error"),
    ]


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "1" * 5_000, '{"a": "\\ud800"}'])
async def test_what_is_not_json_is_a_fault(panel: Panel, text: str) -> None:
    """With line and column if a parser tells them."""
    found = await panel.done("POST", "/svaml/check", {"svaml": text})
    assert found["faults"]
    assert (await panel.refused("POST", "/svaml/check", {}))[:2] == (400, 40002)


async def test_a_right_document_has_no_fault(panel: Panel) -> None:
    """With flags, numbers and nested objects; names in any case."""
    menu = {"id": "main", "mainPrompt": "#tts[a]", "maxDigits": 4, "options": [{"dtmf": 1, "action": "return(x)"}]}
    action = {"Name": "RunMenu", "barge": True, "enableVoice": None, "menus": [menu]}
    found = await panel.done("POST", "/svaml/check", {"svaml": {"instructions": [], "action": action}})
    assert found["faults"] == []


async def test_what_only_the_exchange_refuses_is_a_fault_too(panel: Panel) -> None:
    """Half a surrogate pair is no text."""
    text = '{"instructions": [{"name": "say", "text": "\\ud800"}], "action": {"name": "hangup"}}'
    found = await panel.done("POST", "/svaml/check", {"svaml": text})
    assert [each["path"] for each in found["faults"]] == ["instructions[0].text"]


async def test_menus_are_told_as_a_graph(panel: Panel) -> None:
    """Which key leads where."""
    menus = [
        {
            "id": "main",
            "mainPrompt": "#tts[a]",
            "options": [{"dtmf": "1", "action": "menu(sub)"}, {"dtmf": 2, "action": "return(x)"}],
        },
        {"id": "sub", "options": [{"dtmf": "1", "action": "return(x)"}, {"dtmf": "2", "action": "?"}, 7]},
        "no menu",
    ]
    found = await panel.done("POST", "/svaml/check", {"svaml": {"action": {"name": "runMenu", "menus": menus}}})
    assert [(edge["from"], edge["key"], edge["to"]) for edge in found["menus"]["edges"]] == [
        ("main", "1", "sub"),
        ("main", "2", "return(x)"),
        ("sub", "1", "return(x)"),
    ]
    assert [node["id"] for node in found["menus"]["nodes"]] == ["main", "return(x)", "sub"]
    assert menus_of({"action": {"name": "runMenu", "menus": 1}}) == {"nodes": [], "edges": []}


async def test_the_schema_knows_every_step(panel: Panel) -> None:
    """With the events that it may answer."""
    told = await panel.get("/svaml/schema")
    assert told == schema()
    steps = told["properties"]["instructions"]["items"]["oneOf"] + told["properties"]["action"]["oneOf"]
    names = {step["properties"]["name"]["const"] for step in steps}
    assert {"say", "runMenu", "connectStream", "startRecording", "reportCallStatus"} <= names
    assert all(step["x-events"] and step["description"] for step in steps)


NAMES = ["say", "playFiles", "hangup", "runMenu", "park", "connectPstn", "connectConf", "continue", "SAY", "sing"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2)
)
MEMBERS = st.sampled_from(["text", "ids", "menus", "number", "conferenceId", "maxDuration", "value", "id", "locale"])
STEPS = st.dictionaries(MEMBERS, VALUES, max_size=4).flatmap(
    lambda step: st.sampled_from(NAMES).map(lambda name: {"name": name, **step})
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"instructions": st.lists(STEPS | VALUES, max_size=3), "action": STEPS})


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.sampled_from(["ice", "ace", "pie", "dice", "call"]))
def test_what_has_no_fault_is_accepted_by_the_exchange(document: dict[str, object], event: str) -> None:
    """The check of the page never calls right what the exchange refuses."""
    errors = [fault for fault in faults_of(document, event) if fault.severity == "error"]
    try:
        check_svaml(Fields(document), event)
        accepted = True
    except RefusalError:
        accepted = False
    assert accepted or errors


def test_deep_nesting_ends() -> None:
    """A document of any depth has an answer."""
    deep: object = {"name": "x"}
    for _ in range(200):
        deep = {"destination": deep, "endpoint": "x"}
    assert faults_of({"action": {"name": "connectSip", "destination": deep}}, "ice")


async def test_an_answer_for_the_application_is_used(sandbox: Sandbox, panel: Panel) -> None:
    """If there is none, for as many calls as was said; always goes before the application."""
    answer = {"instructions": [{"name": "say", "text": "From the page."}], "action": {"name": "hangup"}}
    told = await panel.done("PUT", "/answers/ice", {"svaml": answer, "when": "noAnswer", "times": 2})
    assert told["answer"] == {"svaml": answer, "when": "noAnswer", "times": 2}
    for left in (1, None):
        call_id = (await panel.done("POST", "/calls", {"from": "+461", "to": "+462"}))["callId"]
        await panel.done("POST", "/clock/step", {"seconds": 5})
        call = await panel.get(f"/calls/{call_id}")
        assert [heard["text"] for heard in call["transcript"]] == ["From the page."]
        shown = (await panel.get("/answers/ICE"))["answer"]
        assert (shown and shown["times"]) == left
    await panel.done("PUT", "/answers/ice", {"svaml": answer, "when": "always"})
    assert list((await panel.get("/answers"))["answers"]) == ["ice"]
    assert (await panel.get("/state"))["answers"] == ["ice"]
    await panel.done("POST", "/calls", {"from": "+461", "to": "+462"})
    assert await panel.done("DELETE", "/answers/ice") is None
    assert (await panel.get("/answers/ice"))["answer"] is None
    assert (await panel.refused("GET", "/answers/dice"))[:2] == (404, 40400)
    status, code, message = await panel.refused("PUT", "/answers/ice", {"svaml": {"action": {"name": "continue"}}})
    assert (status, code) == (400, 40001)
    assert "svaml.action.name" in message
