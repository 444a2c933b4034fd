"""What the control of every call works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.courier import Courier
from sinch_voice_async.sandbox.exchange.history import Calls
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.streaming import Streams
from sinch_voice_async.sandbox.exchange.timeline import Heard
from sinch_voice_async.sandbox.exchange.timers import Timers
from sinch_voice_async.sandbox.storage.recordings import Recordings

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one exchange; ``changed`` is told of every call that has, ``base_url`` says where the sandbox is.

    ``tapes`` says what ends the recording of a conference, given what was heard there and when it is over.
    """

    account: Account
    calls: Calls
    people: People
    recordings: Recordings
    timers: Timers
    courier: Courier
    tapes: dict[str, Callable[[Sequence[Heard], float], None]]
    streams: Streams
    base_url: Callable[[], str]
    changed: Callable[[Call], None]
