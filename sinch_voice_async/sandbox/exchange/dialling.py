"""Ringing somebody, and what they do.

How long a telephone rings that nobody answers, and how long a call lasts that nobody ends, are the sandbox's own where
the documents name no default. Documents: SVAML, connectPstn; and "Answering Machine Detection".
"""

from sinch_voice_async.sandbox.exchange.asking import tell
from sinch_voice_async.sandbox.exchange.line import DisconnectError, Line
from sinch_voice_async.sandbox.exchange.parties import Party
from sinch_voice_async.sandbox.exchange.person import Person
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["answer", "detect", "dial", "join", "leave", "result_of"]

RINGS_FOR = 30.0
LONGEST_CALL = 14_400
MACHINE_FOUND_AFTER = 3
HUMAN_FOUND_AFTER = 1


async def dial(line: Line, party: Party, *, seconds: float | None = None, max_duration: int | None = None) -> Person:
    """Ring a telephone, and return who picks up; raises DisconnectError where nobody does."""
    person = line.services.people.at(party.endpoint)
    line.enter("ringing", kind=party.kind, endpoint=party.endpoint, manual=person.is_manual)
    if person.refuses is not None:
        raise DisconnectError(result_of(line, "BUSY"), "CALLEEHANGUP")
    if not await _picks_up(line, person, RINGS_FOR if seconds is None else seconds):
        raise DisconnectError(result_of(line, "NOANSWER"), "TIMEOUT")
    answer(line, max_duration)
    if line.person is None:
        # An answer to ICE may be the first to say who is called.
        line.call.to = line.call.to if line.call.to.endpoint else party
        join(line, person)
    else:
        line.call.connected_to = party
        line.enter("connected", kind=party.kind, endpoint=party.endpoint)
        leave(line, person, "CALLEEHANGUP")
    return person


def answer(line: Line, max_duration: int | None = None) -> None:
    """Have the call answered, unless it is already, and end it when it lasts too long."""
    if line.call.answered is None:
        line.call.answered = line.now
        line.enter("answered")
        line.later(LONGEST_CALL, lambda: line.disconnect("ANSWERED", "MANAGERHANGUP"))
    if max_duration:
        line.later(max_duration, lambda: line.disconnect("ANSWERED", "MANAGERHANGUP"))


def join(line: Line, person: Person) -> None:
    """Have a person on the line who hears the prompts, presses keys, and hangs up when they have had enough."""
    line.person = person
    line.keys_left = list(person.keys)
    leave(line, person, "CALLERHANGUP" if line.call.is_inbound else "CALLEEHANGUP")


def leave(line: Line, person: Person, reason: str) -> None:
    """Have a person hang up after as long as they stay."""
    if person.hangs_up_after is not None:
        line.later(person.hangs_up_after, lambda: line.disconnect(result_of(line, "NOANSWER"), reason))


def result_of(line: Line, unanswered: str) -> str:
    """Return the result of a call that ends now."""
    return unanswered if line.call.answered is None else "ANSWERED"


async def detect(line: Line, person: Person, amd: Fields | None) -> dict[str, object]:
    """Find out whether a machine picked up, if that was asked for; returns what ACE says of it."""
    if amd is None or str(amd.value("enabled")).lower() != "true":
        return {}
    seconds = MACHINE_FOUND_AFTER if person.is_machine else HUMAN_FOUND_AFTER
    status = "machine" if person.is_machine else "human"
    found = {"status": status, "reason": "longgreeting" if person.is_machine else "n/a", "duration": seconds}
    if str(amd.value("async")).lower() != "true":
        await line.sleep(seconds)
        return {"amd": found}
    line.later(seconds, lambda: tell(line, "notify", type="amd", amd=found))
    if person.is_machine:
        beep = {"status": status, "reason": "beep", "duration": round(person.beeps_after)}
        line.later(person.beeps_after, lambda: tell(line, "notify", type="amd_beep", amd=beep))
    return {"amd": {"status": "inprogress"}}


async def _picks_up(line: Line, person: Person, seconds: float) -> bool:
    if person.is_manual or person.answers_after is None or person.answers_after > seconds:
        return await line.picked_up(seconds) is not None
    await line.picked_up(person.answers_after)
    return True
