"""Sitting in a conference, and what the keys pressed there do. Documents: SVAML, "connectConf"."""

from typing import NoReturn

from sinch_voice_async.sandbox.exchange.asking import tell
from sinch_voice_async.sandbox.exchange.line import Line, RedirectError
from sinch_voice_async.sandbox.exchange.menus import Choice
from sinch_voice_async.sandbox.exchange.parties import Seat
from sinch_voice_async.sandbox.exchange.prompts import play, spoken
from sinch_voice_async.sandbox.exchange.recorder import stop_conference
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["confer"]

TIMEOUT_MILLS = 3_000


async def confer(line: Line, action: Fields) -> NoReturn:
    """Join a conference and stay there until the call ends or is sent elsewhere."""
    options = action.child("conferenceDtmfOptions") or Fields({})
    seat = Seat(action.required_text("conferenceId"), line.now, (options.text("mode") or "ignore").lower())
    seat.moh = action.text("moh") or action.text("mohClass")
    line.call.seat = seat
    line.enter("conference", conferenceId=seat.conference_id)
    try:
        greeting = action.text("greeting")
        if greeting:
            await play(line, spoken(greeting), action.text("locale") or "")
        await _listen(line, seat, options)
    except RedirectError:
        line.call.seat = None
        raise
    finally:
        stop_conference(line, seat.conference_id)


async def _listen(line: Line, seat: Seat, options: Fields) -> NoReturn:
    most = options.whole("maxDigits") or 1
    patience = (options.whole("timeoutMills") or TIMEOUT_MILLS) / 1000
    while True:
        keys = await line.key(None) or ""
        if seat.dtmf == "forward":
            _forward(line, seat, keys)
        while seat.dtmf == "detect" and len(keys) < most:
            key = await line.key(patience)
            if key is None:
                break
            keys += key
        if seat.dtmf == "detect":
            # The answer to this one is a plain 200.
            tell(line, "pie", menuResult=Choice(seat.conference_id, "sequence", keys).result())


def _forward(line: Line, seat: Seat, key: str) -> None:
    for other in line.services.calls:
        if other is not line.call and other.seat is not None and other.seat.conference_id == seat.conference_id:
            other.handle.note(f"hears the key {key} of another participant")
