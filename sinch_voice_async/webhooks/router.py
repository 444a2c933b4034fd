"""Event class -> handler -> SVAML, with a time-out and an answer for when the handler gives none.

Rules:

- Each event has one handler. It takes the event, is ``async`` or not, and returns ``Svaml`` or None. A handler that is
  not ``async`` runs in a worker thread, so that it may block.
- None is ``continue`` for ACE, the fallback for ICE and PIE, and an empty answer (``{}``) for DiCE and notifications.
- The answer of a handler is checked before it is sent: the platform would refuse it later, and the caller would hear an
  error.
- A handler that is late is cancelled, and the fallback is sent instead. A thread cannot be cancelled: its answer is
  dropped.
"""

import dis
import functools
import inspect
import logging
import math
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import anyio
import anyio.to_thread

from sinch_voice_async import _bounds
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.models.events import (
    AnsweredCall,
    DisconnectedCall,
    Event,
    IncomingCall,
    Notification,
    PromptInput,
)
from sinch_voice_async.models.svaml.actions import Continue, Hangup
from sinch_voice_async.models.svaml.document import AceSvaml, DiceSvaml, IceSvaml, PieSvaml, Svaml

__all__ = [
    "Answer",
    "EventName",
    "EventRouter",
    "Fallbacks",
    "event_name",
    "resumed",
    "within",
]

T = TypeVar("T")
EventName: TypeAlias = Literal["ice", "ace", "dice", "pie", "notify"]
Fallbacks: TypeAlias = Mapping[EventName, Svaml[Any, Any] | None]
Answer: TypeAlias = Svaml[Any, Any] | None
Handler: TypeAlias = Callable[[Any], Any]

IceHandler = TypeVar("IceHandler", bound=Callable[[IncomingCall], IceSvaml | Awaitable[IceSvaml | None] | None])
AceHandler = TypeVar("AceHandler", bound=Callable[[AnsweredCall], AceSvaml | Awaitable[AceSvaml | None] | None])
PieHandler = TypeVar("PieHandler", bound=Callable[[PromptInput], PieSvaml | Awaitable[PieSvaml | None] | None])
DiceHandler = TypeVar("DiceHandler", bound=Callable[[DisconnectedCall], DiceSvaml | Awaitable[DiceSvaml | None] | None])
NotifyHandler = TypeVar("NotifyHandler", bound=Callable[[Notification], Awaitable[None] | None])

logger: Final = logging.getLogger("sinch_voice_async.webhooks")

_CONTINUE: Final = Svaml(action=Continue())
_HANGUP: Final = Svaml(action=Hangup())
_FALLBACKS: Final[Fallbacks] = {"ice": _HANGUP, "ace": _CONTINUE, "dice": None, "pie": _HANGUP, "notify": None}
_WAITS: Final = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "YIELD_FROM", "SEND"})
"""The bytecodes of ``await``, ``async for`` and ``async with``, of which one is in each function that may wait."""
_NAMES: Final[dict[type, EventName]] = {
    IncomingCall: "ice",
    AnsweredCall: "ace",
    DisconnectedCall: "dice",
    PromptInput: "pie",
    Notification: "notify",
}


def event_name(event: Event) -> EventName:
    """Return the platform's short name of an event: ice, ace, dice, pie or notify."""
    return _NAMES[type(event)]


class EventRouter:
    """Passes an event to the handler of its kind, and returns the answer.

    Use it with :func:`event_from_http` if a framework reads the request; ``WebhookApp`` is a router that does all of
    it. Send an answer as JSON: ``svaml.dumps(answer)``, and ``{}`` for None.

    ``handler_timeout`` is how many seconds a handler has, None for any time; the platform does not publish how long it
    waits. ``fallbacks`` are the answers for a handler that is late or not there, by event name (``"ice"`` …): a
    ``Svaml``, or None for an empty answer. By default they are ``hangup`` for ICE and PIE, ``continue`` for ACE, and an
    empty answer for DiCE and notifications.

    :raises ConfigurationError: the time is not positive, or a fallback has a name that is not an event's.
    :raises InvalidRequestError: a fallback may not answer that event.

    Source: Callbacks.
    """

    def __init__(self, *, handler_timeout: float | None = 4.0, fallbacks: Fallbacks | None = None) -> None:
        limit = _bounds.seconds(handler_timeout, "handler_timeout", zero=False, optional=True)
        self._timeout: float = math.inf if limit is None else limit
        given: Fallbacks = _bounds.instance(fallbacks, "fallbacks", Mapping, optional=True) or {}
        self._fallbacks: dict[EventName, Answer] = {**_FALLBACKS, **given}
        if strangers := self._fallbacks.keys() - _FALLBACKS.keys():
            raise ConfigurationError(f"fallbacks has {sorted(map(str, strangers))}, which are not events")
        for name, answer in self._fallbacks.items():
            _check(answer, name, "fallback")
        self._silence: dict[EventName, Answer] = {**self._fallbacks, "ace": _CONTINUE, "dice": None, "notify": None}
        self._handlers: dict[EventName, Callable[[Any], Awaitable[object]]] = {}
        self._passed: dict[EventName, object] = {}
        self._may_wait: set[EventName] = set()

    def ice(self, handler: IceHandler) -> IceHandler:
        """Register the handler of the Incoming Call Event, which returns ``IceSvaml``.

        None is the fallback. Raises :class:`ConfigurationError` if the event has a handler already.

        Source: Callbacks, Incoming Call Event.
        """
        return cast("IceHandler", self._register("ice", handler))

    def ace(self, handler: AceHandler) -> AceHandler:
        """Register the handler of the Answered Call Event, which returns ``AceSvaml``.

        None is ``continue``. Raises :class:`ConfigurationError` if the event has a handler already.

        Source: Callbacks, Answered Call Event.
        """
        return cast("AceHandler", self._register("ace", handler))

    def pie(self, handler: PieHandler) -> PieHandler:
        """Register the handler of the Prompt Input Event, which returns ``PieSvaml``.

        None is the fallback. Raises :class:`ConfigurationError` if the event has a handler already.

        Source: Callbacks, Prompt Input Event.
        """
        return cast("PieHandler", self._register("pie", handler))

    def dice(self, handler: DiceHandler) -> DiceHandler:
        """Register the handler of the Disconnected Call Event, which returns None, or ``DiceSvaml``.

        Raises :class:`ConfigurationError` if the event has a handler already.

        Source: Callbacks, Disconnected Call Event.
        """
        return cast("DiceHandler", self._register("dice", handler))

    def notify(self, handler: NotifyHandler) -> NotifyHandler:
        """Register the handler of notifications, which returns None.

        Raises :class:`ConfigurationError` if the event has a handler already.

        Source: Callbacks, Notification Event.
        """
        return cast("NotifyHandler", self._register("notify", handler))

    async def answer(self, event: Event) -> Answer:
        """Return the answer to an event, checked; None is an empty answer: send ``{}``.

        An exception of the handler is not caught.

        :raises InvalidRequestError: the handler returned something else than ``Svaml`` or None, or a document that the
            platform would refuse there.
        """
        if event_name(event) not in self._may_wait:
            return await self._ask(event)
        return await within(self._timeout, self._ask(event), lambda: self._late(event))

    async def _ask(self, event: Event) -> Answer:
        name = event_name(event)
        handler = self._handlers.get(name)
        if handler is None:
            return self._fallbacks[name]
        answer = await handler(event)
        if answer is None:
            return self._silence[name]
        # Many applications return the same document again and again: a document that has passed is not checked again.
        if answer is not self._passed.get(name):
            _check(answer, name, "handler")
            self._passed[name] = answer
        return cast("Answer", answer)

    def _late(self, event: Event) -> Answer:
        name = event_name(event)
        logger.warning("the %s handler did not answer within %g s: the fallback is sent", name, self._timeout)
        return self._fallbacks[name]

    def _register(self, name: EventName, handler: Handler) -> Handler:
        if name in self._handlers:
            raise ConfigurationError(f"{name} has a handler already")
        if not callable(handler):
            raise ConfigurationError(f"the {name} handler must be callable: write @app.{name} without parentheses")
        self._handlers[name] = handler if _is_async(handler) else functools.partial(_in_thread, handler)
        if _may_wait(handler):
            self._may_wait.add(name)
        return handler


async def within(seconds: float, work: Coroutine[Any, Any, T], late: Callable[[], T]) -> T:
    """Return the result of some work, or that of ``late`` if the work was cancelled after so many seconds.

    Most handlers answer without waiting, and so does the body of most requests: the timer is started when the work
    first waits. A cancel scope is around all of it from the beginning, since scopes must nest.
    """
    end = time.perf_counter() + seconds
    # Made by the function, since anyio's class builds each scope twice over.
    with anyio.move_on_after(None) as scope:
        try:
            awaited = work.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        scope.deadline = anyio.current_time() + end - time.perf_counter()
        return await resumed(work, awaited)
    return late()


@types.coroutine
def resumed(work: Coroutine[Any, Any, T], awaited: object) -> Generator[Any, Any, T]:
    """Resume work that waits for ``awaited`` until it is done."""
    try:
        while True:
            # What the event loop sends and throws is passed on as it is.
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001  # a cancellation too
                awaited = work.throw(error)
            else:
                awaited = work.send(sent)
    except StopIteration as done:
        result: T = done.value
        return result


def _may_wait(handler: Handler) -> bool:
    """Return whether a handler may wait: an ``async def`` without ``await`` cannot, and needs no time-out.

    Only the bytecodes of a plain function or method tell; every other callable may wait. What ``functools.wraps`` made
    is judged by itself and not by what it wraps.
    """
    function = handler.__func__ if inspect.ismethod(handler) else handler
    # By its exact class: a compiler can make inspect.isfunction accept its functions, whose bytecodes are empty.
    if type(function) is not types.FunctionType or not function.__code__.co_flags & inspect.CO_COROUTINE:
        return True
    return any(instruction.opname in _WAITS for instruction in dis.get_instructions(function.__code__))


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


class _Returned:
    """What a handler returned in its thread.

    Trio refuses a coroutine as the result of a thread. If the time of the handler was up before it returned one, the
    coroutine is never awaited: it is closed, so that Python does not warn of it.
    """

    __slots__ = ("answer",)

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __del__(self) -> None:
        if inspect.iscoroutine(self.answer):
            self.answer.close()


async def _in_thread(handler: Handler, event: Event) -> object:
    returned = await anyio.to_thread.run_sync(lambda: _Returned(handler(event)), abandon_on_cancel=True)
    answer = returned.answer
    return await answer if inspect.isawaitable(answer) else answer


def _check(answer: object, name: EventName, giver: str) -> None:
    if answer is None:
        return
    if not isinstance(answer, Svaml) or name == "notify":
        expected = "None" if name == "notify" else "Svaml or None"
        raise InvalidRequestError(f"the {name} {giver} must give {expected}, not {type(answer).__name__}", field=name)
    answer.check(name)
