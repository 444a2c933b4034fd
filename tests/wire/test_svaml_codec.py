"""SVAML as JSON: every published sample, every tolerated spelling, and the laws of reading and writing."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import CustomCallout, svaml
from sinch_voice_async._wire.documents import ACTIONS, INSTRUCTIONS
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from tests.wire import svaml_documents

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "svaml.json").read_text(encoding="utf-8"))


def written(document: svaml.Svaml) -> Any:
    """The JSON of a document, as values."""
    return json.loads(svaml.dumps(document))


def read_action(**fields: Any) -> Any:
    """An action, read from JSON."""
    return svaml.loads(json.dumps({"action": fields})).action


def read_instruction(**fields: Any) -> Any:
    """An instruction, read from JSON."""
    return svaml.loads(json.dumps({"instructions": [fields]})).instructions[0]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_document_is_copied_and_pickled_whole(protocol: int) -> None:
    """Every protocol of pickle gives an equal document, and so does a copy."""
    document = svaml.Svaml(
        instructions=[svaml.Say("Hello", locale="en-GB")], action=svaml.Hangup(), extra={"unknown": [1]}
    )
    for again in (
        pickle.loads(pickle.dumps(document, protocol)),  # it was written here
        copy.copy(document),
        copy.deepcopy(document),
    ):
        assert again == document
        assert again.extra == {"unknown": [1]}
        assert svaml.dumps(again) == svaml.dumps(document)


def test_a_process_that_only_unpickles_can_send() -> None:
    """A worker of a task queue gets a callout with a document inside, and has imported nothing of SVAML."""
    callout = CustomCallout(destination="+46700000001", ice=svaml.Svaml(action=svaml.ConnectPstn("+46700000002")))
    program = (
        f"import pickle; callout = pickle.loads({pickle.dumps(callout)!r})\n"
        "from sinch_voice_async._wire.rest_codec import encode; print(encode(callout).decode())"
    )
    sent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ice = json.loads(sent.stdout)["customCallout"]["ice"]
    assert json.loads(ice)["action"] == {"name": "connectPstn", "number": "+46700000002"}


def test_no_published_sample_is_forgotten() -> None:
    """The Calling API page has 7 documents, the newer pages 38 documents and parts of documents."""
    sources = [vector["source"].partition(",")[0] for vector in VECTORS]
    assert (sources.count("Calling API"), sources.count("Voice API")) == (7, 38)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_a_published_sample_is_read_and_written_back(vector: dict[str, Any]) -> None:
    """Every sample is known in full, and is written as it was or in the canonical spelling."""
    document = svaml.loads(json.dumps(vector["document"]))
    assert written(document) == vector.get("written", vector["document"])
    assert "Unknown" not in repr(document)
    assert svaml.loads(svaml.dumps(document)) == document


def test_the_samples_use_every_instruction_and_action() -> None:
    """No name of the table is without a published sample."""
    names = {step["name"].lower() for vector in VECTORS for step in vector["document"].get("instructions", [])}
    assert names == {name.lower() for name in INSTRUCTIONS}
    names = {vector["document"]["action"]["name"].lower() for vector in VECTORS if "action" in vector["document"]}
    assert names == {name.lower() for name in ACTIONS}


@pytest.mark.parametrize("name", ["connectPSTN", "ConnectPstn", "connectpstn", "CONNECTPSTN"])
def test_a_name_is_read_in_any_casing(name: str) -> None:
    """The platform's own documents spell names in several ways."""
    assert read_action(name=name, number="+46700000001") == svaml.ConnectPstn("+46700000001")
    assert read_action(NAME=name) == svaml.ConnectPstn()


def test_the_observed_spellings_of_fields_are_read() -> None:
    """Lower-case headers, digits as numbers, flags as strings, destination for destinationUrl."""
    headers = [{"key": "foo", "value": "bar"}]
    expected = svaml.ConnectMxp("bob", call_headers={"foo": "bar"})
    destination = {"type": "Username", "endpoint": "bob"}
    assert read_action(name="connectMxp", destination=destination, callheaders=headers) == expected
    assert read_action(name="connectMxp", destination=destination, callHeaders=headers) == expected
    assert read_action(name="connectPstn", amd={"enabled": "true", "async": False}).amd == svaml.Amd(async_=False)
    menu = {"id": "main", "options": [{"dtmf": 1, "action": "return(sales)"}]}
    assert read_action(name="runmenu", menus=[menu]).menus[0].options == (svaml.MenuOption("1", "return(sales)"),)
    options = svaml.RecordingOptions(destination_url="s3://bucket")
    assert read_instruction(name="startRecording", options={"destination": "s3://bucket"}).options == options
    assert read_action(name="connectSip", destination={"endpoint": "b@example.com"}).destination.type is None
    assert read_action(name="connectPstn", maxDuration="60", number=None).max_duration == 60


def test_recording_is_an_action_too_when_a_call_is_managed() -> None:
    """Calling API, Manage Call: as an action its options have another name, and each position keeps its own."""
    options = svaml.RecordingOptions(destination_url="s3://bucket", format="mp3")
    recording = svaml.StartRecording(options)
    fields = {"destinationUrl": "s3://bucket", "format": "mp3"}
    both = svaml.Svaml(instructions=[recording], action=recording)
    assert written(both) == {
        "instructions": [{"name": "startRecording", "options": fields}],
        "action": {"name": "startRecording", "recordingOptions": fields},
    }
    assert svaml.loads(svaml.dumps(both)) == both
    assert written(svaml.Svaml(action=svaml.StartRecording())) == {"action": {"name": "startRecording"}}


def test_what_is_left_out_is_not_written_and_what_is_given_is() -> None:
    """None is left out; False, 0 and an empty list are sent."""
    assert svaml.dumps(svaml.Svaml(action=svaml.Hangup())) == '{"action":{"name":"hangup"}}'
    assert svaml.dumps(svaml.Svaml(instructions=[])) == '{"instructions":[]}'
    assert svaml.dumps(svaml.loads('{"instructions": null}')) == "{}"
    action = svaml.ConnectPstn(suppress_callbacks=False, max_duration=0)
    assert written(svaml.Svaml(action=action))["action"] == {
        "name": "connectPstn",
        "suppressCallbacks": False,
        "maxDuration": 0,
    }
    menu = svaml.Menu("main", options=[])
    assert written(svaml.Svaml(action=svaml.RunMenu([menu])))["action"]["menus"] == [{"id": "main", "options": []}]


def test_what_is_newer_than_this_library_is_written_back_unchanged() -> None:
    """Unknown instructions, actions and fields at every level survive a round trip."""
    document = {
        "instructions": [
            {"name": "singSong", "verse": [1, 2.5, None, {"a": True}]},
            {"name": "say", "text": "Hi", "pitch": 3},
        ],
        "action": {"name": "teleport", "to": {"planet": "Mars"}},
        "trace": "on",
    }
    read = svaml.loads(json.dumps(document))
    assert written(read) == document
    song = {"verse": [1, 2.5, None, {"a": True}]}
    assert read.instructions[0] == svaml.UnknownInstruction("singSong", extra=song)
    assert read.instructions[1] == svaml.Say("Hi", extra={"pitch": 3})
    assert read.action == svaml.UnknownAction("teleport", extra={"to": {"planet": "Mars"}})
    read.check("ice")


def test_a_document_past_the_limits_is_read_as_it_is() -> None:
    """Somebody else's document is not refused for what the platform may have allowed them."""
    document = {
        "instructions": [{"name": "sendDtmf", "value": "A*B"}, {"name": "setCookie", "key": "k", "value": "v" * 2000}],
        "action": {
            "name": "runMenu",
            "menus": [{"id": "a", "options": [{"dtmf": "w", "action": "menu(b)"}]}, {"id": "c"}],
        },
    }
    assert written(svaml.loads(json.dumps(document))) == document
    with pytest.raises(InvalidRequestError):  # Limits are back for what is written.
        svaml.SendDtmf("A*B")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("", "$"),
        ("{", "$"),
        ("[]", "$"),
        ("null", "$"),
        ('"\ud800"', "$"),
        (b"\xff", "$"),
        ("[" * 100_000, "$"),
        ('{"instructions": {}}', "$.instructions"),
        ('{"instructions": [1]}', "$.instructions[0]"),
        ('{"instructions": [{"text": "Hello"}]}', "$.instructions[0].name"),
        ('{"instructions": [{"name": "say"}]}', "$.instructions[0].text"),
        ('{"instructions": [{"name": "say", "text": ["Hello"]}]}', "$.instructions[0].text"),
        (
            '{"instructions": [{"name": "sendDtmf", "value": "*"}, {"name": "playFiles", "ids": "a"}]}',
            "$.instructions[1].ids",
        ),
        ('{"action": "hangup"}', "$.action"),
        ('{"action": {"name": "park", "maxDuration": 1e400}}', "$.action.maxDuration"),
        ('{"action": {"name": "runMenu", "menus": [{"id": "main"}, {"id": {}}]}}', "$.action.menus[1].id"),
        ('{"action": {"name": "connectConf"}}', "$.action.conferenceId"),
    ],
)
def test_what_is_no_document_is_refused_with_the_path(document: str | bytes, path: str) -> None:
    """One exception, which says where the document stops being SVAML."""
    with pytest.raises(DecodeError) as refusal:
        svaml.loads(document)
    assert refusal.value.path == path
    assert refusal.value.outcome == "unsent"


@pytest.mark.parametrize("document", [None, {"action": {"name": "hangup"}}, 5])
def test_only_text_is_read(document: Any) -> None:
    """A document that was parsed already, or forgotten, is named as that."""
    with pytest.raises(InvalidRequestError, match="document must be bytes or a str") as refusal:
        svaml.loads(document)
    assert refusal.value.field == "document"


def test_only_documents_are_written() -> None:
    """A mistaken argument, and a value that JSON does not have, are refused rather than sent."""
    mistake: Any = {"action": {"name": "hangup"}}
    with pytest.raises(InvalidRequestError) as refusal:
        svaml.dumps(mistake)
    assert refusal.value.field == "document"
    with pytest.raises(InvalidRequestError):
        svaml.dumps(svaml.Svaml(action=svaml.Hangup(extra={"when": object()})))
    with pytest.raises(InvalidRequestError):
        svaml.dumps(svaml.Svaml(instructions=[svaml.Say("\ud800")]))
    with pytest.raises(InvalidRequestError):
        svaml.dumps(svaml.Svaml(extra=mistake["action"]["name"]))


@given(svaml_documents.documents())
def test_reading_what_was_written_gives_the_document(document: svaml.Svaml) -> None:
    """``loads(dumps(document)) == document``, for bytes and for text, and writing it again gives the same JSON."""
    text = svaml.dumps(document)
    assert svaml.loads(text) == svaml.loads(text.encode()) == document
    assert svaml.dumps(svaml.loads(text)) == text


@given(svaml_documents.json_values(svaml_documents.hostile_keys()))
def test_arbitrary_json_is_a_document_or_a_decode_error(value: Any) -> None:
    """No other exception, whatever the shape; and what is read can be written."""
    try:
        document = svaml.loads(json.dumps(value))
    except DecodeError as error:
        assert error.path.startswith("$")
    else:
        svaml.dumps(document)


@given(st.binary())
def test_arbitrary_bytes_are_a_document_or_a_decode_error(body: bytes) -> None:
    """No other exception, whatever the bytes."""
    try:
        svaml.loads(body)
    except DecodeError as error:
        assert error.path == "$"
