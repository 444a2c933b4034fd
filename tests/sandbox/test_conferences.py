"""Conferences over HTTP: who is there, what each may hear and say, and how they leave."""

from typing import Any

import pytest

from sinch_voice_async.sandbox import Person
from sinch_voice_async.sandbox.requests import Fields

from .caller import Caller, error

ROOM = "/calling/v1/conferences/id/my%20room"


async def joined(caller: Caller, number: str = "+46700000001", conference_id: str = "my room") -> str:
    """Call somebody into a conference and return the call id."""
    members = {"destination": {"type": "number", "endpoint": number}, "conferenceId": conference_id}
    call_id: str = (await caller.callout("conferenceCallout", members)).json()["callId"]
    return call_id


async def participants(caller: Caller) -> list[dict[str, Any]]:
    """Read who is there."""
    listed: list[dict[str, Any]] = (await caller.send("GET", ROOM)).json()["participants"]
    return listed


async def test_participants_are_described_as_documented(caller: Caller) -> None:
    """Number, call id, seconds since joining, and two switches."""
    call_id = await joined(caller)
    caller.sandbox.clock.step(2)
    assert await participants(caller) == [
        {"cli": "+46700000001", "id": call_id, "duration": 2, "muted": False, "onhold": False}
    ]


async def test_only_who_has_answered_and_not_left_is_there(caller: Caller) -> None:
    """A conference begins with its first participant, and ends with its last."""
    caller.sandbox.phone("+46700000001").hangs_up(after=3)
    caller.sandbox.phone("+46700000002").answers(after=2).hangs_up(after=10)
    caller.sandbox.phone("+46700000003").is_busy()
    first, second = await joined(caller), await joined(caller, "+46700000002")
    await joined(caller, "+46700000003")
    await joined(caller, conference_id="another")
    assert [each["id"] for each in await participants(caller)] == [first]
    caller.sandbox.clock.step(5)
    assert [each["id"] for each in await participants(caller)] == [second]
    caller.sandbox.clock.step(60)
    response = await caller.send("GET", ROOM)
    assert error(response) == (404, 40400)
    assert response.json()["message"] == "No such ongoing conference 'my room' in the application's context"


async def test_people_stay_until_they_are_removed(caller: Caller) -> None:
    """Only a person who was told to hang up leaves by themselves; outside of a conference everyone does."""
    caller.sandbox.people.default = Person(hangs_up_after=0.0)
    stays, kicked = await joined(caller), await joined(caller, "+46700000002")
    for _ in range(10):
        caller.sandbox.clock.step(60)
        assert [each["id"] for each in await participants(caller)] == [stays, kicked]
    assert (await caller.send("DELETE", f"{ROOM}/{kicked}")).status_code == 200
    assert [each["id"] for each in await participants(caller)] == [stays]
    caller.sandbox.calls[stays].handle.manage(Fields({"action": {"name": "park"}}), "caller")
    caller.sandbox.clock.step(1)
    assert caller.sandbox.calls[stays].reason == "CALLEEHANGUP"


async def test_a_person_may_leave_conferences(caller: Caller) -> None:
    """As the people of a population do."""
    caller.sandbox.people.default = Person(hangs_up_after=5.0, leaves_conferences=True)
    call_id = await joined(caller)
    caller.sandbox.clock.step(5)
    assert caller.sandbox.calls[call_id].reason == "CALLEEHANGUP"


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        ([{"command": "mute"}], (True, False, None)),
        ([{"command": "mute"}, {"command": "unmute"}], (False, False, None)),
        ([{"command": "onhold", "moh": "music2"}], (False, True, "music2")),
        ([{"command": "onHold"}, {"command": "resume"}], (False, False, None)),
        ([{"command": "mute", "moh": "ring"}, {"command": "onhold"}], (True, True, None)),
    ],
)
async def test_participants_are_commanded(
    caller: Caller, commands: list[dict[str, str]], state: tuple[bool, bool, str | None]
) -> None:
    """Mute, unmute, hold with music, and resume; 200 without a body."""
    call_id = await joined(caller)
    for command in commands:
        response = await caller.send("PATCH", f"{ROOM}/{call_id}", command)
        assert (response.status_code, response.content) == (200, b"")
    seat = caller.sandbox.calls[call_id].seat
    assert seat is not None
    assert (seat.muted, seat.on_hold, seat.moh) == state
    listed = (await participants(caller))[0]
    assert (listed["muted"], listed["onhold"]) == state[:2]


async def test_commands_can_be_wrong(caller: Caller) -> None:
    """Each mistake has its code, and changes nothing."""
    path = f"{ROOM}/{await joined(caller)}"
    assert error(await caller.send("PATCH", path, {})) == (400, 40002)
    assert error(await caller.send("PATCH", path, {"command": "shout"})) == (400, 40001)
    assert error(await caller.send("PATCH", path, {"command": "onhold", "moh": "polka"})) == (400, 40001)
    assert error(await caller.send("PATCH", f"{ROOM}/nobody", {"command": "mute"})) == (404, 40400)
    assert error(await caller.send("DELETE", f"{ROOM}/nobody")) == (404, 40400)
    assert error(await caller.send("DELETE", "/calling/v1/conferences/id/nowhere")) == (404, 40400)


async def test_one_participant_is_kicked(caller: Caller) -> None:
    """Their call ends, the others stay."""
    first, second = await joined(caller), await joined(caller, "+46700000002")
    assert (await caller.send("DELETE", f"{ROOM}/{first}")).status_code == 200
    assert [each["id"] for each in await participants(caller)] == [second]
    assert (await caller.call(first))["reason"] == "MANAGERHANGUP"


async def test_all_participants_are_kicked(caller: Caller) -> None:
    """The conference is over."""
    calls = [await joined(caller), await joined(caller, "+46700000002")]
    assert (await caller.send("DELETE", ROOM)).status_code == 204
    assert [(await caller.call(call_id))["status"] for call_id in calls] == ["FINAL", "FINAL"]
    assert error(await caller.send("GET", ROOM)) == (404, 40400)


async def test_an_ongoing_call_is_put_into_a_conference(caller: Caller) -> None:
    """A managed call may be connected to one."""
    call_id = await caller.placed()
    svaml = {"action": {"name": "connectConf", "conferenceId": "my room"}}
    assert (await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}", svaml)).status_code == 204
    assert [each["id"] for each in await participants(caller)] == [call_id]
