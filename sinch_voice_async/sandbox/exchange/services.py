"""What the control of every call works with."""

from collections.abc import Callable
from dataclasses import dataclass

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.calls import Call, Calls
from sinch_voice_async.sandbox.exchange.courier import Courier
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.timers import Timers
from sinch_voice_async.sandbox.storage.recordings import Recordings

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one exchange; ``changed`` is told of every call that has, ``base_url`` says where the sandbox is."""

    account: Account
    calls: Calls
    people: People
    recordings: Recordings
    timers: Timers
    courier: Courier
    base_url: Callable[[], str]
    changed: Callable[[Call], None]
