"""The instructions of SVAML, which are carried out in order before the action. Documents: SVAML, "Instructions"."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sinch_voice_async.sandbox.exchange.asking import failure, hidden
from sinch_voice_async.sandbox.exchange.dialling import answer
from sinch_voice_async.sandbox.exchange.line import Line
from sinch_voice_async.sandbox.exchange.prompts import parts_of, play, spoken
from sinch_voice_async.sandbox.exchange.recorder import announce, start_recording, stop_recording
from sinch_voice_async.sandbox.exchange.svaml import prompts_in
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["at_once", "carry_out", "send_dtmf"]

MOST_COOKIE_BYTES = 1_024
SECONDS_OF_A_KEY = 0.1
SECONDS_OF_A_PAUSE = 0.5


async def carry_out(line: Line, document: Fields) -> None:
    """Carry out every instruction of a document."""
    for instruction in document.children("instructions"):
        name = instruction.required_text("name")
        line.log("instruction", name, {"instruction": hidden(dict(instruction.members))})
        await _INSTRUCTIONS[name.lower()](line, instruction)


def at_once(steps: Coroutine[Any, Any, object]) -> None:
    """Run instructions over whatever the call is doing, in no time."""
    try:
        while True:
            steps.send(None)
    except StopIteration:
        return


async def send_dtmf(line: Line, keys: str) -> None:
    """Play tones to the other side; a w is a pause of half a second."""
    line.log("note", f"tones are played: {keys}")
    pauses = keys.count("w")
    await line.sleep(pauses * SECONDS_OF_A_PAUSE + (len(keys) - pauses) * SECONDS_OF_A_KEY)


async def _play_files(line: Line, instruction: Fields) -> None:
    for prompt in prompts_in(instruction):
        await play(line, parts_of(prompt), instruction.text("locale") or "")


async def _say(line: Line, instruction: Fields) -> None:
    await play(line, spoken(instruction.required_text("text")), instruction.text("locale") or "")


async def _send_dtmf(line: Line, instruction: Fields) -> None:
    await send_dtmf(line, instruction.required_text("value"))


async def _set_cookie(line: Line, instruction: Fields) -> None:
    line.call.cookies[instruction.required_text("key")] = instruction.text("value") or ""
    if sum(len(f"{key}{value}".encode()) for key, value in line.call.cookies.items()) > MOST_COOKIE_BYTES:
        raise failure(line, "INVALIDSVAMLACTION")


async def _answer(line: Line, _instruction: Fields) -> None:
    answer(line)


async def _start_recording(line: Line, instruction: Fields) -> None:
    start_recording(line, instruction.child("options") or instruction.child("recordingOptions"))


async def _stop_recording(line: Line, _instruction: Fields) -> None:
    announce(line, stop_recording(line))


async def _report(_line: Line, _instruction: Fields) -> None:
    """Do nothing: it is logged, and that is where a report ends up."""


_INSTRUCTIONS: dict[str, Callable[[Line, Fields], Awaitable[None]]] = {
    "playfiles": _play_files,
    "say": _say,
    "senddtmf": _send_dtmf,
    "setcookie": _set_cookie,
    "answer": _answer,
    "startrecording": _start_recording,
    "stoprecording": _stop_recording,
    "reportcallstatus": _report,
}
