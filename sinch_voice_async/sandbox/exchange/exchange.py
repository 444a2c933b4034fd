"""The exchange: it places calls, runs them in exchange time, and sends callbacks about them.

A look at a call first brings every call up to date, under one lock. While a call is ongoing that may call the
application back, a thread with an event loop does so by itself and sends the callbacks. It ends soon after the last of
such calls.
"""

import threading
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import anyio

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callbacks import Answers, CallbackSender, WakeUp
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Handle, Party
from sinch_voice_async.sandbox.exchange.documents import Callout
from sinch_voice_async.sandbox.exchange.events import is_called_back, take_reply
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.recordings import Recordings
from sinch_voice_async.sandbox.exchange.runner import CallRunner, ExchangeContext
from sinch_voice_async.sandbox.exchange.store import CallStore
from sinch_voice_async.sandbox.exchange.streams import StreamRules, Streams
from sinch_voice_async.sandbox.exchange.svaml_steps import manage, run_call
from sinch_voice_async.sandbox.request_log import RequestLog
from sinch_voice_async.sandbox.requests import Fields

__all__ = ["Exchange"]

LINGERS = 0.5
"""Seconds for which an idle thread waits before it ends."""


class ReentrantLock:
    """A reentrant lock; ``with lock as outermost`` is True at the outermost level.

    What happens in a call may look at calls itself. Then time must not pass: the call is in the middle of a step.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()


class Exchange:
    """Runs every call of a sandbox.

    ``version`` grows with every change of a call, ``log`` has the requests and callbacks, and ``answers`` the SVAML
    that is used in place of the application's.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        people: People,
        recordings: Recordings,
        *,
        callback_timeout: float,
        history: int,
        store: CallStore | None = None,
        streams: StreamRules | None = None,
    ) -> None:
        self.calls: Calls = Calls(history)
        self.log: RequestLog = RequestLog()
        self.answers: Answers = Answers()
        self.streams: Streams = Streams(account, clock, streams or StreamRules())
        self._clock = clock
        self._store = store
        self._callback_timeout = callback_timeout
        self._lock = ReentrantLock()
        self._context = ExchangeContext(
            account=account,
            calls=self.calls,
            people=people,
            recordings=recordings,
            streams=self.streams,
            answers=self.answers,
        )
        self._thread: threading.Thread | None = None
        self._wake_up: WakeUp | None = None
        self._is_stopping = False
        clock.watch(self.wake)

    @property
    def version(self) -> int:
        """A number that grows with every change of a call."""
        return self.calls.sequence

    def place(self, callout: Callout, callback_headers: Mapping[str, str]) -> Call:
        """Place a callout and return the call."""
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
        """Have a person call the application, and return the call."""
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
        """Bring every call up to date."""
        with self.step() as outermost:
            if outermost:
                self._context.timers.fire(self._clock.now())

    def act(self, runner: CallRunner, action: Callable[[], object]) -> None:
        """Do something to an ongoing call now."""
        self.catch_up()
        with self.step():
            if not runner.is_over:
                runner.now = max(runner.now, self._clock.now())
                action()
        self.catch_up()
        self.wake()

    @contextmanager
    def step(self) -> Generator[bool, None, None]:
        """Hold the lock. At the end of the outermost step callbacks are on their way, and the store is up to date."""
        with self._lock as outermost:
            try:
                yield outermost
            finally:
                if outermost:
                    if self._context.ready:
                        self.wake()
                    self.flush()

    def flush(self, settings: Mapping[str, object] | None = None) -> None:
        """Write what changed, and these settings, to the store, if there is one."""
        if self._store is not None:
            with self._lock:
                self._store.flush(self.calls, self._context.recordings, self._clock, settings)

    def close(self) -> None:
        """End the thread and the callbacks under way. Calls go on whenever they are looked at."""
        self.streams.close()
        with self._lock:
            thread, self._is_stopping = self._thread, True
            if self._wake_up is not None:
                self._wake_up.set()
        if thread is not None:
            thread.join()
        with self._lock:
            self._is_stopping = False

    def clear(self) -> None:
        """Forget every call, in any state."""
        with self.step():
            self.calls.clear()
            self._context.timers.clear()
            self._context.attended.clear()
            self._context.conference_recordings.clear()
            self.streams.end()

    def wake(self) -> None:
        """Have the thread look at the calls, and start it if it is needed."""
        with self._lock:
            if self._wake_up is not None:
                self._wake_up.set()
            elif self._is_needed:
                self._wake_up = WakeUp()
                self._thread = threading.Thread(
                    target=anyio.run, args=(self._run,), name="sinch-sandbox-exchange", daemon=True
                )
                self._thread.start()

    def _begin(self, call: Call) -> Call:
        runner = CallRunner(call, self._context)
        call.handle = _RunningCall(self, runner)
        # A program that only places calls and never looks at one must not keep all of them alive.
        self.catch_up()
        with self.step():
            self.calls.add(call)
            if is_called_back(call, self._context.account):
                self._context.attended.add(runner)
            runner.run(run_call(runner))
        self.wake()
        return call

    @property
    def _is_needed(self) -> bool:
        return bool(self._context.sending or self._context.attended)

    async def _run(self) -> None:
        context = self._context
        sender = CallbackSender(context.account, self._clock, self.log, self._callback_timeout)
        async with sender, anyio.create_task_group() as tasks:
            while await self._pause():
                while context.ready:
                    tasks.start_soon(self._send_all, context.ready.popleft(), sender)
            tasks.cancel_scope.cancel()

    async def _pause(self) -> bool:
        """Wait until there is something to do. False: the thread ends."""
        assert self._wake_up is not None  # it was there before the thread
        self.catch_up()
        if self._context.ready and not self._is_stopping:
            return True
        is_set = await self._wake_up.wait(self._seconds_left() if self._is_needed else LINGERS)
        with self._lock:
            if not self._is_stopping and (is_set or self._is_needed):
                return True
            # From here on another thread is started when one is needed.
            self._wake_up.close()
            self._thread = self._wake_up = None
            return False

    def _seconds_left(self) -> float | None:
        """Return the seconds until the next timer. None: no timer is set, or time stands still."""
        with self._lock:
            at = self._context.timers.next_at()
        if at is None or not self._clock.speed:
            return None
        return max(0.0, at - self._clock.now()) / self._clock.speed

    async def _send_all(self, runner: CallRunner, sender: CallbackSender) -> None:
        """Send the callbacks of one call, one after the other."""
        while True:
            with self._lock:
                callback = runner.next_callback()
            if callback is None:
                break
            attempt, is_last = 0, False
            while not is_last:
                attempt += 1
                reply = await sender.send(callback, attempt)
                is_last = attempt == len(callback.urls) or not reply.error
                with self.step():
                    take_reply(runner, callback, reply, is_last=is_last)
                self.wake()
        self.wake()


class _RunningCall(Handle):
    """What can be done to a call that the exchange runs."""

    def __init__(self, exchange: Exchange, runner: CallRunner) -> None:
        self._exchange = exchange
        self._runner = runner

    @property
    def is_settled(self) -> bool:
        return not self._runner.is_sending

    def catch_up(self) -> None:
        self._exchange.catch_up()

    def disconnect(self, result: str, reason: str) -> None:
        self._exchange.act(self._runner, lambda: self._runner.disconnect(result, reason))

    def pick_up(self) -> None:
        if not self._runner.is_waiting_for("pick up"):
            super().pick_up()
        self._exchange.act(self._runner, lambda: self._runner.signal("pick up", value=True))

    def press(self, keys: str) -> None:
        if not bounds.KEYS.issuperset(keys):
            raise ValueError("keys are 0-9, * and #")
        if self._runner.is_over or self._runner.person is None:
            super().press(keys)
        for key in keys:
            self._exchange.act(self._runner, lambda key=key: self._runner.later(0.0, lambda: self._runner.press(key)))  # type: ignore[misc]  # a lambda's default has no type

    def reply(self, outcome: object) -> None:
        with self._exchange.step():
            self._runner.signal("answer", outcome)
        self._exchange.catch_up()

    def note(self, text: str) -> None:
        with self._exchange.step():
            self._runner.log("note", text)

    def manage(self, document: Fields, leg: str) -> None:
        self._exchange.act(self._runner, lambda: manage(self._runner, document, leg))
