"""The telephone exchange: calls are placed here, managed, and brought up to date.

Whoever looks at a call first lets happen what is due, under one lock; the courier's thread does so by itself for calls
that may have to call the application back.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.answers import Answers
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callbacks import Courier, Turns
from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Party
from sinch_voice_async.sandbox.exchange.events import hidden, urls_for
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.runner import Line, Services, Timers
from sinch_voice_async.sandbox.exchange.streams import StreamRules, Streams
from sinch_voice_async.sandbox.exchange.svaml_steps import at_once, carry_out, live, perform
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.request_log import RequestLog
from sinch_voice_async.sandbox.storage.recordings import Recordings

__all__ = ["Exchange"]


class Diary(Protocol):
    """Who writes down what becomes of calls."""

    def note(self, call: Call) -> None:
        """Take note that a call has changed."""

    def forget(self, call_id: str) -> None:
        """Take note that a call is remembered no more."""

    def flush(self) -> None:
        """Write down what was noted: a turn of the exchange is over."""


class Exchange:
    """Runs every call of a sandbox; ``version`` grows with every change that can be seen."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        people: People,
        recordings: Recordings,
        base_url: Callable[[], str],
        *,
        callback_timeout: float,
        history: int,
        diary: Diary | None = None,
        streams: StreamRules | None = None,
    ) -> None:
        self.calls: Calls = Calls(history)
        self.version: int = 0
        self.log: RequestLog = RequestLog()
        self.answers: Answers = Answers()
        self._clock = clock
        self._diary = diary
        self.turns: Turns = Turns(diary.flush if diary else _nothing)
        self._timers = Timers()
        self._attended: set[Line] = set()
        courier = Courier(
            account,
            clock,
            self.turns,
            self.log,
            timeout=callback_timeout,
            catch_up=self._run_and_say_when,
            is_wanted=lambda: bool(self._attended),
        )
        self.streams: Streams = Streams(account, clock, streams or StreamRules())
        self._services = Services(
            account,
            self.calls,
            people,
            recordings,
            self._timers,
            courier,
            {},
            self.streams,
            base_url,
            self._note,
            self.answers,
        )
        clock.watch(courier.wake)
        if diary is not None:
            self.calls.watch(diary.forget)

    def place(self, callout: Callout, callback_headers: Mapping[str, str]) -> Call:
        """Ring a telephone and return the call."""
        return self._begin(
            Call(
                call_id=str(uuid.uuid4()),
                callout=callout,
                callback_headers=callback_headers,
                caller=None,
                to=Party(callout.kind, callout.endpoint),
                cli=callout.cli or "",
                domain=callout.domain,
                custom=callout.custom,
                placed_at=self._clock.now(),
                clock=self._clock,
            )
        )

    def dial_in(self, caller: Party, to: Party, *, custom: str = "") -> Call:
        """Have somebody call the application, and return the call."""
        return self._begin(
            Call(
                call_id=str(uuid.uuid4()),
                callout=None,
                callback_headers={},
                caller=caller,
                to=to,
                cli=caller.endpoint,
                domain="mxp" if caller.kind == "username" else "pstn",
                custom=custom,
                placed_at=self._clock.now(),
                clock=self._clock,
            )
        )

    def catch_up(self) -> None:
        """Let happen what is due by the exchange's clock."""
        with self.turns as is_first:
            if is_first:
                self._timers.fire(self._clock.now())

    def close(self) -> None:
        """End the thread that delivers callbacks, and those under way; calls go on when they are looked at."""
        self._services.streams.close()
        self._services.courier.stop()

    def clear(self) -> None:
        """Forget every call, in whatever state it is."""
        with self.turns:
            self.calls.clear()
            self._timers.clear()
            self._attended.clear()
            self._services.tapes.clear()
            self._services.streams.end()
            self.version += 1

    def act(self, line: Line, action: Callable[[], object]) -> None:
        """Have something done to a call now."""
        self.catch_up()
        with self.turns:
            if not line.is_over:
                line.now = max(line.now, self._clock.now())
                action()
        self.catch_up()
        self._services.courier.wake()

    def _begin(self, call: Call) -> Call:
        line = Line(call, self._services)
        call.handle = _Handle(self, line)
        # Whoever only places calls and never looks at one must not have to remember them all.
        self.catch_up()
        with self.turns:
            self.calls.add(call)
            line.run(live(line))
            if any(urls_for(call, event, self._services.account) for event in ("ice", "ace", "pie", "dice", "notify")):
                self._attended.add(line)
        self._services.courier.wake()
        return call

    def _run_and_say_when(self) -> float | None:
        """Catch up, and return real seconds until the next timer, None where none is due by itself."""
        self.catch_up()
        with self.turns:
            self._attended = {line for line in self._attended if not line.is_over}
            at = self._timers.next_at()
        if at is None or not self._clock.speed:
            return None
        return max(0.0, at - self._clock.now()) / self._clock.speed

    def _note(self, call: Call) -> None:
        self.version += 1
        self.calls.touch(call)
        if self._diary is not None:
            self._diary.note(call)


def _nothing() -> None:
    """Nobody keeps a diary."""


class _Handle:
    """What a call can have the exchange do."""

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self._exchange = exchange
        self._line = line

    @property
    def is_settled(self) -> bool:
        return not self._line.mailbox.is_active

    def catch_up(self) -> None:
        self._exchange.catch_up()

    def disconnect(self, result: str, reason: str) -> None:
        self._exchange.act(self._line, lambda: self._line.disconnect(result, reason))

    def pick_up(self) -> None:
        if not self._line.is_waiting_for("pick up"):
            raise RuntimeError("no telephone rings")
        self._exchange.act(self._line, lambda: self._line.signal("pick up", value=True))

    def press(self, keys: str) -> None:
        if set(keys) - set("0123456789*#"):
            raise ValueError("keys are 0-9, * and #")
        if self._line.is_over or self._line.person is None:
            raise RuntimeError("nobody is on the telephone")
        for key in keys:
            self._exchange.act(self._line, lambda key=key: self._line.later(0.0, lambda: self._line.press(key)))  # type: ignore[misc]  # a lambda's default has no type

    def reply(self, outcome: object) -> None:
        with self._exchange.turns:
            self._line.signal("answer", outcome)
        self._exchange.catch_up()

    def note(self, text: str) -> None:
        with self._exchange.turns:
            self._line.log("note", text)

    def manage(self, document: Fields, leg: str) -> None:
        self._exchange.act(self._line, lambda: _manage(self._line, document, leg))


def _leg(line: Line, asked: str) -> str:
    """Return the leg that hears what is played: for a callout, and in a conference, there is but one."""
    if not line.call.is_inbound:
        return "callee"
    return asked if line.call.seat is None and line.call.connected_to is not None else "caller"


def _manage(line: Line, document: Fields, leg: str) -> None:
    """Do what SVAML says to an ongoing call: instructions at once, over what it is doing, then the action."""
    line.call.updates.append(document.members)
    # It is remembered twice: as an update, and in the steps of the timeline.
    line.services.calls.grow(line.call, 2 * document.size)
    line.log("managed", leg, {"svaml": hidden(dict(document.members))})
    line.leg = _leg(line, leg)
    try:
        at_once(carry_out(line, document))
    finally:
        line.leg = _leg(line, "caller")
    action = document.child("action")
    name = "continue" if action is None else action.required_text("name").lower()
    only_action = Fields({"action": document.value("action")})
    if name == "hangup":
        line.call.hang_up()
    elif name in {"startrecording", "stoprecording"}:
        at_once(perform(line, only_action))
    elif name != "continue":
        line.redirect(only_action)
