"""Event class -> handler -> SVAML, with a deadline and an answer for when there is none.

Rules:

- One handler per event. It takes the event, is ``async`` or not, and returns ``Svaml``, or None for an empty 200. One
  that is not ``async`` runs in a worker thread, so that it may block.
- What a handler answers is checked before it is sent: the platform would refuse it later, and the caller would hear it.
- A handler that is late is cancelled, and a fallback goes out instead; a thread cannot be cancelled, and ends unheard.
"""

import functools
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import anyio.to_thread

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
from sinch_voice_async.webhooks.deadline import within

__all__ = ["EventName", "EventRouter", "Fallbacks", "event_name"]

_LOG = logging.getLogger("sinch_voice_async.webhooks")

EventName: TypeAlias = Literal["ice", "ace", "dice", "pie", "notify"]
Fallbacks: TypeAlias = Mapping[EventName, Svaml[Any, Any] | None]
Answer: TypeAlias = Svaml[Any, Any] | None
Handler: TypeAlias = Callable[[Any], Any]

IceHandler = TypeVar("IceHandler", bound=Callable[[IncomingCall], IceSvaml | Awaitable[IceSvaml | None] | None])
AceHandler = TypeVar("AceHandler", bound=Callable[[AnsweredCall], AceSvaml | Awaitable[AceSvaml | None] | None])
PieHandler = TypeVar("PieHandler", bound=Callable[[PromptInput], PieSvaml | Awaitable[PieSvaml | None] | None])
DiceHandler = TypeVar("DiceHandler", bound=Callable[[DisconnectedCall], DiceSvaml | Awaitable[DiceSvaml | None] | None])
NotifyHandler = TypeVar("NotifyHandler", bound=Callable[[Notification], Awaitable[None] | None])

_NAMES: Final[dict[type, EventName]] = {
    IncomingCall: "ice",
    AnsweredCall: "ace",
    DisconnectedCall: "dice",
    PromptInput: "pie",
    Notification: "notify",
}

_FALLBACKS: Final[Fallbacks] = {
    "ice": Svaml(action=Hangup()),
    "ace": Svaml(action=Continue()),
    "dice": None,
    "pie": Svaml(action=Hangup()),
    "notify": None,
}


def event_name(event: Event) -> EventName:
    """Return the platform's short name of an event: ice, ace, dice, pie or notify."""
    return _NAMES[type(event)]


class EventRouter:
    """Takes an event to the handler of its kind, and brings back what it answers.

    Use it with :func:`event_from_http` where a framework reads the request; ``WebhookApp`` is one that does all of it.

    ``handler_timeout`` is how many seconds a handler has, None for any time; the platform publishes no figure for how
    long it waits. ``fallbacks`` answer where a handler is late or there is none, by event name (``"ice"`` …): a
    ``Svaml``, or None for an empty 200. Left out, an ICE and a PIE get ``hangup``, an ACE ``continue``, and a DiCE and
    a notification an empty 200.

    :raises ConfigurationError: the time is not positive, or a fallback has a name that is not an event's.
    :raises InvalidRequestError: a fallback may not answer that event.

    Source: Callbacks.
    """

    def __init__(self, *, handler_timeout: float | None = 4.0, fallbacks: Fallbacks | None = None) -> None:
        self._timeout = seconds(handler_timeout, "handler_timeout")
        self._fallbacks: dict[EventName, Answer] = {**_FALLBACKS, **(fallbacks or {})}
        if strangers := self._fallbacks.keys() - _FALLBACKS.keys():
            raise ConfigurationError(f"fallbacks has {sorted(map(str, strangers))}, which are not events")
        for name, answer in self._fallbacks.items():
            _check(answer, name, "fallback")
        self._handlers: dict[EventName, Callable[[Any], Awaitable[object]]] = {}
        self._passed: dict[EventName, object] = {}

    def ice(self, handler: IceHandler) -> IceHandler:
        """Register what answers an Incoming Call Event: with ``IceSvaml``. Voice API, Incoming Call Event."""
        return cast("IceHandler", self._register("ice", handler))

    def ace(self, handler: AceHandler) -> AceHandler:
        """Register what answers an Answered Call Event: with ``AceSvaml``. Voice API, Answered Call Event."""
        return cast("AceHandler", self._register("ace", handler))

    def pie(self, handler: PieHandler) -> PieHandler:
        """Register what answers a Prompt Input Event: with ``PieSvaml``. Voice API, Prompt Input Event."""
        return cast("PieHandler", self._register("pie", handler))

    def dice(self, handler: DiceHandler) -> DiceHandler:
        """Register what learns of a Disconnected Call Event. Voice API, Disconnected Call Event."""
        return cast("DiceHandler", self._register("dice", handler))

    def notify(self, handler: NotifyHandler) -> NotifyHandler:
        """Register what learns of a notification. Voice API, Notification Event."""
        return cast("NotifyHandler", self._register("notify", handler))

    async def answer(self, event: Event) -> Answer:
        """Return what the handler of an event answers, checked; None stands for an empty 200.

        Whatever the handler raises comes through.

        :raises InvalidRequestError: the handler returned something else than ``Svaml`` or None, or a document that the
            platform would refuse there.
        """
        return await within(self._timeout, self._ask(event), lambda: self._late(event))

    async def _ask(self, event: Event) -> Answer:
        name = event_name(event)
        handler = self._handlers.get(name)
        if handler is None:
            return self._fallbacks[name]
        answer = await handler(event)
        # Many applications give the same document again and again: one that has passed is not checked again.
        if answer is not self._passed.get(name):
            _check(answer, name, "handler")
            self._passed[name] = answer
        return cast("Answer", answer)

    def _late(self, event: Event) -> Answer:
        name = event_name(event)
        _LOG.warning("the %s handler did not answer within %g s: the fallback goes out", name, self._timeout)
        return self._fallbacks[name]

    def _register(self, name: EventName, handler: Handler) -> Handler:
        if name in self._handlers:
            raise ConfigurationError(f"there is a handler of {name} already")
        if not callable(handler):
            raise ConfigurationError(f"the {name} handler must be callable: write @app.{name} without parentheses")
        self._handlers[name] = handler if _is_async(handler) else functools.partial(_in_thread, handler)
        return handler


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


async def _in_thread(handler: Handler, event: Event) -> object:
    # In a list, since trio carries no coroutine out of a thread: what a lambda around an async function gives.
    (answer,) = await anyio.to_thread.run_sync(lambda: [handler(event)], abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer


def _check(answer: object, name: EventName, giver: str) -> None:
    if answer is None:
        return
    if not isinstance(answer, Svaml) or name == "notify":
        expected = "None" if name == "notify" else "Svaml or None"
        raise InvalidRequestError(f"the {name} {giver} must give {expected}, not {type(answer).__name__}", field=name)
    answer.check(name)


def seconds(value: object, name: str) -> float:
    """Return a time-out in seconds, infinite for None; raise ``ConfigurationError`` where it is not positive."""
    if value is None:
        return math.inf
    if not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a positive number of seconds, or None, not {value!r}")
    return value
