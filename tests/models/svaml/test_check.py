"""What is allowed where: the platform's table, once more and by hand, against ``Svaml.check``."""

from typing import Any

import pytest

from sinch_voice_async import svaml
from sinch_voice_async.errors import InvalidRequestError

ACTIONS: list[tuple[svaml.Action, str]] = [
    (svaml.Hangup(), "ice ace pie dice call"),
    (svaml.Continue(), "ace pie call"),
    (svaml.ConnectPstn("+46700000001"), "ice pie call"),
    (svaml.ConnectMxp("bob"), "ice call"),
    (svaml.ConnectConference("room"), "ice ace pie call"),
    (svaml.ConnectSip("bob@example.com"), "ice pie call"),
    (svaml.ConnectStream("wss://example.com"), "ice call"),
    (svaml.RunMenu([svaml.Menu("main")]), "ice ace pie call"),
    (svaml.Park(), "ice call"),
    (svaml.StartRecording(), "call"),
    (svaml.StopRecording(), "call"),
    (svaml.UnknownAction("new"), "ice ace pie dice call"),
]

INSTRUCTIONS: list[tuple[svaml.Instruction, str]] = [
    (svaml.PlayFiles(["welcome"]), "ice ace pie call"),
    (svaml.Say("Hello"), "ice ace pie call"),
    (svaml.SendDtmf("1"), "ice pie call"),
    (svaml.SetCookie("key", "value"), "ice ace pie call"),
    (svaml.Answer(), "ice call"),
    (svaml.StartRecording(), "ice ace pie call"),
    (svaml.StopRecording(), "ice ace pie call"),
    (svaml.ReportCallStatus("success"), "dice"),
    (svaml.UnknownInstruction("new"), "ice ace pie dice call"),
]

PLACES: list[Any] = ["ice", "ace", "pie", "dice", "call"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("action", "places"), ACTIONS, ids=lambda value: type(value).__name__)
def test_an_action_is_allowed_where_the_table_says(action: svaml.Action, places: str, place: Any) -> None:
    """Voice API, SVAML, the table of actions; a parked call takes what answers ICE."""
    document = svaml.Svaml(action=action)
    if place in places.split():
        document.check(place)
    else:
        with pytest.raises(InvalidRequestError, match=f"{type(action).__name__}.*{place}") as refusal:
            document.check(place)
        assert refusal.value.field == "action"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("step", "places"), INSTRUCTIONS, ids=lambda value: type(value).__name__)
def test_an_instruction_is_allowed_where_the_table_says(step: svaml.Instruction, places: str, place: Any) -> None:
    """Voice API, SVAML, the table of instructions."""
    document = svaml.Svaml(instructions=[svaml.UnknownInstruction("first"), step], action=svaml.Hangup())
    if place in places.split():
        document.check(place)
    else:
        with pytest.raises(InvalidRequestError) as refusal:
            document.check(place)
        assert refusal.value.field == "instructions[1]"


def test_a_place_that_is_none_is_refused() -> None:
    """A slip in the name of the event does not pass for a good document."""
    place: Any = "ICE"
    with pytest.raises(InvalidRequestError, match="ice, ace, pie, dice, call"):
        svaml.Svaml(action=svaml.Hangup()).check(place)


def test_no_action_is_left_to_the_platform() -> None:
    """The platform's schema does not ask for an action."""
    svaml.Svaml(instructions=[svaml.Say("Hello")]).check("ace")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ('{"instructions": [{"name": "sendDtmf", "value": "12*"}]}', "value"),
        ('{"action": {"name": "runMenu", "menus": [{"id": "sub"}]}}', "menus"),
        ('{"action": {"name": "connectPstn", "number": "home"}}', "number"),
        (
            '{"action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": "x", "action": ""}]}]}}',
            "dtmf",
        ),
    ],
)
def test_a_document_that_was_read_is_measured(document: str, field: str) -> None:
    """Reading is lenient, and checking says what reading let pass."""
    read = svaml.loads(document)
    with pytest.raises(InvalidRequestError) as refusal:
        read.check("ice")
    assert refusal.value.field == field
